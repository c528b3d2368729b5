// The buttons that send a result on; part of page.js's function.
function resultNow() {
  const rows = [...element.querySelectorAll(".bcob-row")].map((row, i) => ({
    label: row.querySelector(".bcob-name").textContent,
    share: row.querySelector(".bcob-share").textContent,
    fill: props.value.confidences[i].confidence,
    colour: `--bcob-class-${i % 5}`,
  }));
  const accent = word.style.getPropertyValue("--accent").slice(4, -1);
  return { title: props.title, verdict: props.value.label, rows, accent, address: here };
}

find(".bcob-text").addEventListener("click", async ({ target }) => {
  const text = resultText(resultNow());
  try {
    await navigator.clipboard.writeText(text);
    answerOn(target, "Copied");
  } catch {
    words.textContent = text; // an iframe may not write to the clipboard: for the keyboard
    getSelection().selectAllChildren(words);
  }
});

find(".bcob-card").addEventListener("click", async ({ target }) => {
  const [shown, answered] = ["#bcob-upload img", "#bcob-heat img"].map((selector) => stage.querySelector(selector));
  const result = resultNow();
  const blob = await drawCard(shown?.naturalWidth ? shown : answered, result, element);
  const came = await sendCard(blob, resultText(result));
  answerOn(target, { shared: "Shared", saved: "Saved" }[came]);
});
