// Draws a verdict. Gradio runs this once, as the body of a function, with
// element: the panel; props: value ({label, confidences}, {error} or null), labels, thresholds, close; watch(prop, callback).
const stage = element.closest("#bcob-stage");
const page = element.closest(".gradio-container");
const find = (selector) => element.querySelector(selector);
const [word, words, where] = [".bcob-word", ".bcob-words", ".bcob-where"].map(find);
const idle = { word: word.textContent, words: words.textContent };
const list = (names) => names.join(" and ").replace(/ and (?=.* and )/g, ", ");

// How sure, in words: the least sure of the answers, one a class
function sureness(shares) {
  const near = props.labels.filter((_, i) => props.close[i][0] <= shares[i] && shares[i] <= props.close[i][1]);
  if (near.length) return `A close call: ${list(near)} could go either way.`;
  const least = Math.min(...shares.map((p, i) => (p >= props.thresholds[i] ? p : 1 - p)));
  return least >= 0.95 ? "Very sure." : least >= 0.8 ? "Fairly sure." : "Not very sure.";
}

function show(answer) {
  const verdict = answer?.label ? answer : null;
  const shares = props.labels.map((_, i) => verdict?.confidences[i].confidence ?? 0);
  const present = shares.flatMap((share, i) => (share >= props.thresholds[i] ? [i] : []));
  element.querySelectorAll(".bcob-row").forEach((row, i) => {
    const percent = Math.min(99, Math.max(1, Math.round(100 * shares[i]))); // nothing is certain
    row.querySelector(".bcob-fill").style.width = `${100 * shares[i]}%`;
    row.querySelector(".bcob-share").textContent = verdict ? `${percent} %` : "";
  });
  const colour = !verdict ? "muted" : !present.length ? "neither" : present.length > 1 ? "text" : `class-${present[0] % 5}`;
  word.style.setProperty("--accent", `var(--bcob-${colour})`);
  word.textContent = verdict?.label ?? (answer ? "Hm." : idle.word);
  words.textContent = verdict ? sureness(shares) : (answer?.error ?? idle.words);
  where.disabled = !verdict;
  if (!verdict) look(false);
  stage.classList.remove("bcob-pending");
  stage.classList.toggle("bcob-unreadable", Boolean(answer?.error));
}

function look(pressed) {
  where.setAttribute("aria-pressed", pressed);
  stage.classList.toggle("bcob-looking", pressed);
}

where.addEventListener("click", () => look(where.getAttribute("aria-pressed") != "true"));
watch("value", () => show(props.value));
document.addEventListener("bcob-answered", () => show(props.value)); // the value may be the one before
document.addEventListener("bcob-failed", () => show({ error: "The page is busy. Try again in a moment." }));
document.addEventListener("bcob-asked", () => {
  stage.classList.remove("bcob-unreadable");
  stage.classList.add("bcob-pending");
  word.style.removeProperty("--accent");
  [word.textContent, words.textContent] = ["Looking…", ""];
});

// A picture the browser cannot show (HEIC, TIFF): the answer's own rendering of it stands in
for (const event of ["load", "error"])
  stage.addEventListener(event, ({ target }) => target.matches("#bcob-upload img") && stage.classList.toggle("bcob-unseen", event == "error"), true);

// A picture may be dropped or pasted anywhere on the page. A file whose kind the browser does not know (HEIC, in many)
// is left for the server to judge.
function give(event, transfer) {
  const file = transfer?.files[0];
  if (!file) return;
  event.preventDefault();
  event.stopPropagation();
  const files = new DataTransfer();
  files.items.add(file.type ? file : new File([file], file.name, { type: "image/unknown" }));
  const input = page.querySelector("#bcob-upload input[type=file]");
  input.files = files.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}
document.addEventListener("paste", (event) => give(event, event.clipboardData), true);
document.addEventListener("drop", (event) => give(event, event.dataTransfer), true);
document.addEventListener("dragover", (event) => event.preventDefault());

// "Embed this": this page's own address, without its parameters, in every snippet
const here = window.location.origin + window.location.pathname.replace(/\/$/, "");
page.querySelectorAll(".bcob-code code").forEach((code) => (code.textContent = code.textContent.replaceAll("{here}", here)));
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
