// Draws a verdict. Gradio runs this once, as the body of a function, with
// element: the panel; props: value ({label, confidences} or null), labels, thresholds, close, pending; watch(prop, callback).
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

function show(verdict) {
  stage.classList.remove("bcob-pending");
  where.disabled = !verdict;
  if (!verdict) look(false);
  const shares = verdict ? verdict.confidences.map((c) => c.confidence) : props.labels.map(() => 0);
  const present = props.labels.map((_, i) => i).filter((i) => shares[i] >= props.thresholds[i]);
  element.querySelectorAll(".bcob-row").forEach((row, i) => {
    row.querySelector(".bcob-fill").style.width = `${100 * shares[i]}%`;
    const percent = Math.min(99, Math.max(1, Math.round(100 * shares[i]))); // nothing is certain
    row.querySelector(".bcob-share").textContent = verdict ? `${percent} %` : "";
  });
  word.textContent = verdict ? verdict.label : idle.word;
  word.style.setProperty(
    "--accent",
    !verdict ? "" : present.length == 1 ? `var(--bcob-class-${present[0] % 5})` : `var(--bcob-${present.length ? "text" : "neither"})`,
  );
  words.textContent = verdict ? sureness(shares) : idle.words;
}

function look(pressed) {
  where.setAttribute("aria-pressed", pressed);
  stage.classList.toggle("bcob-looking", pressed);
}

where.addEventListener("click", () => look(where.getAttribute("aria-pressed") != "true"));
watch("value", () => show(props.value));
document.addEventListener("bcob-failed", () => show(null));
document.addEventListener("bcob-asked", () => {
  stage.classList.remove("bcob-unseen");
  stage.classList.add("bcob-pending");
  word.textContent = "Looking…";
  words.textContent = "";
  word.style.removeProperty("--accent");
});

// A picture the browser cannot show (HEIC, TIFF): the answer's own rendering of it stands in
stage.addEventListener("error", (event) => event.target.matches("#bcob-upload img") && stage.classList.add("bcob-unseen"), true);

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
