// Draws a verdict. Gradio runs this once, behind words.js and drop.js as the body of a function, with
// element: the panel; props: value ({label, confidences}, {error} or null), labels, thresholds, close, most_bytes,
// too_large; watch(prop, callback).
const stage = element.closest("#bcob-stage");
const page = element.closest(".gradio-container");
const find = (selector) => element.querySelector(selector);
const [word, words, where] = [".bcob-word", ".bcob-words", ".bcob-where"].map(find);
const here = location.origin + location.pathname.replace(/\/$/, ""); // this page's own address, without its parameters
const idle = { word: word.textContent, words: words.textContent };

function show(answer) {
  if (refused) answer = { error: refused };
  const verdict = answer?.label ? answer : null;
  const shares = props.labels.map((_, i) => verdict?.confidences[i].confidence ?? 0);
  const present = shares.flatMap((share, i) => (share >= props.thresholds[i] ? [i] : []));
  element.querySelectorAll(".bcob-row").forEach((row, i) => {
    row.querySelector(".bcob-fill").style.width = `${100 * shares[i]}%`;
    row.querySelector(".bcob-share").textContent = verdict ? `${percent(shares[i])} %` : "";
  });
  const colour = !verdict ? "muted" : !present.length ? "neither" : present.length > 1 ? "text" : `class-${present[0] % 5}`;
  word.style.setProperty("--accent", `var(--bcob-${colour})`);
  word.textContent = verdict?.label ?? (answer ? "Hm." : idle.word);
  words.textContent = verdict ? `${sureness(props, shares)} ${note}`.trim() : (answer?.error ?? idle.words);
  element.querySelectorAll(".bcob-tools button").forEach((button) => (button.disabled = !verdict));
  if (!verdict) look(false);
  closeAsking();
  stage.classList.remove("bcob-pending");
  stage.classList.toggle("bcob-unreadable", Boolean(answer?.error));
}

function look(pressed) {
  where.setAttribute("aria-pressed", pressed);
  stage.classList.toggle("bcob-looking", pressed);
}

where.addEventListener("click", () => look(where.getAttribute("aria-pressed") != "true"));
function waitFor(what) {
  stage.classList.remove("bcob-unreadable");
  stage.classList.add("bcob-pending");
  word.style.removeProperty("--accent");
  [word.textContent, words.textContent] = [what, ""];
}

// On a phone the verdict may be off the screen when an example is tapped
function inSight() {
  const { top, bottom } = element.querySelector(".bcob-said").getBoundingClientRect();
  if (top >= 0 && bottom <= innerHeight) return;
  const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
  stage.scrollIntoView({ block: "start", behavior });
}

watch("value", () => show(props.value));
document.addEventListener("bcob-answered", () => {
  show(props.value); // the value may be the one before
  if (refused) removePicture();
  else if (props.value) inSight();
});
document.addEventListener("bcob-failed", () => show({ error: "The page is busy. Try again in a moment." }));
document.addEventListener("bcob-asked", () => {
  if (!refused) waitFor("Looking…"); // else it is asked about a picture that was on its way before
});

// A picture the browser cannot show (HEIC, TIFF): the answer's own rendering of it stands in
for (const event of ["load", "error"])
  stage.addEventListener(event, ({ target }) => target.matches("#bcob-upload img") && stage.classList.toggle("bcob-unseen", event == "error"), true);

page.addEventListener("click", async ({ target }) => {
  if (!target.matches?.(".bcob-copy")) return;
  const code = target.parentElement.querySelector("code");
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {
    // an iframe may not write to the clipboard: select it, for the keyboard
    window.getSelection().selectAllChildren(code);
    return;
  }
  target.textContent = "Copied";
  setTimeout(() => (target.textContent = "Copy"), 1500);
});

// A page that holds this one in an iframe may fit it: {bcobHeight: CSS pixels}
if (self !== top) {
  const content = page.querySelector(".main");
  const announce = () => parent.postMessage({ bcobHeight: Math.ceil(content.getBoundingClientRect().bottom + scrollY) }, "*");
  new ResizeObserver(announce).observe(content);
}
