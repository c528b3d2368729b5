// The buttons that send a result on.

import { answerOn, drawCard, resultText, sendCard } from "./share.js";
import { accentOf, colour } from "./verdict.js";
import { percent } from "./words.js";

const $ = (id) => document.getElementById(id);

/** @param {object} about classifier.json @param {object} prediction of the picture that is shown */
function resultOf(about, { verdict, labels, probabilities }) {
  const name = (css) => css.slice(4, -1); // of var(--name)
  const rows = about.labels.map((label, i) => ({
    label, share: `${percent(probabilities[i])} %`, fill: probabilities[i], colour: name(colour(i)),
  }));
  return { title: about.title, verdict, rows, accent: name(accentOf(labels)), address: location.origin + location.pathname };
}

export async function copyText(about, prediction) {
  const text = resultText(resultOf(about, prediction));
  try {
    await navigator.clipboard.writeText(text);
    answerOn($("text"), "Copied");
  } catch {
    $("words").textContent = text; // an iframe may not write to the clipboard: for the keyboard
    getSelection().selectAllChildren($("words"));
  }
}

export async function shareCard(about, prediction) {
  const result = resultOf(about, prediction);
  const blob = await drawCard($("shown"), result, document.body);
  const came = await sendCard(blob, resultText(result));
  answerOn($("card"), { shared: "Shared", saved: "Saved" }[came]);
}
