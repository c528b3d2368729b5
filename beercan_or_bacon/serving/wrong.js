// “Was this wrong?”, where the page's owner keeps such pictures; part of page.js's function.
const ask = find(".bcob-ask"), wrong = find(".bcob-wrong");

function closeAsking() {
  if (!ask) return;
  if (ask.contains(document.activeElement)) wrong.focus();
  ask.hidden = true;
  wrong.setAttribute("aria-expanded", "false");
}

wrong?.addEventListener("click", () => {
  ask.hidden = !ask.hidden;
  wrong.setAttribute("aria-expanded", String(!ask.hidden));
  find(".bcob-ask-words").textContent = `What is it? The picture will be kept ${props.keeps}, without its place and time, to make the next model better.`;
  ask.querySelectorAll("button").forEach((button) => (button.hidden = false));
  if (!ask.hidden) ask.querySelector("button").focus();
});

ask?.addEventListener("click", async ({ target }) => {
  const right = target.dataset?.right;
  if (right === undefined) return;
  if (!right) return closeAsking();
  wrong.focus();
  ask.querySelectorAll("button").forEach((button) => (button.hidden = true));
  const said = find(".bcob-ask-words");
  said.textContent = "Sending it…";
  try {
    const picture = await (await fetch(stage.querySelector("#bcob-upload img").src)).blob();
    const response = await fetch(`${here}/wrong?right=${encodeURIComponent(right)}`, { method: "POST", body: picture });
    const { error } = await response.json();
    said.textContent = error ?? `Kept as ${right}. Thank you!`;
  } catch {
    said.textContent = "That did not work: the picture could not be sent. Try again later.";
  }
});
