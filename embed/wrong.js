// “Was this wrong?”: such pictures stay in this browser, until their owner takes them along as a ZIP for the trainer.

import { askAboutFile } from "./answers.js";
import { csv } from "./csv.js";
import { download } from "./share.js";
import { zip } from "./zip.js";

const $ = (id) => document.getElementById(id);
const SIDE = 1024; // pixels of what is kept: without the file's place, time and camera
const MOST = 200; // pictures
const STORE = "pictures";

/** Ask what a picture is. @param {{labels: string[]}} about @param {File} file @param {object} prediction */
export async function ask(about, file, prediction) {
  const words = [...about.labels, ...(about.labels.length === 2 ? ["both"] : []), "neither"].filter((word) => word !== prediction.verdict);
  const kept = await all().catch(() => null);
  $("wrong").hidden = false;
  $("wrong").innerHTML = `<p id="asked" role="status"></p><div class="tools"></div>`;
  if (!kept) return say("This browser keeps nothing for this page (a private window, or an iframe it does not trust).");
  say(`What is it? The picture stays in this browser.${kept.length ? ` ${kept.length} kept so far.` : ""}`);
  const buttons = kept.length < MOST ? words.map((word) => [word, () => keep(file, prediction, word)]) : [];
  offer([...buttons, ...(kept.length ? TAKE : []), ["Close", close]]);
}

const TAKE = [["Download ZIP", take], ["Forget them", forget]];

function say(sentence) {
  $("asked").textContent = sentence;
}

/** Buttons in the place of those before; the keyboard goes on at the first. */
function offer(buttons) {
  $("wrong").querySelector(".tools").replaceChildren(...buttons.map(([words, onclick]) =>
    Object.assign(document.createElement("button"), { type: "button", textContent: words, onclick })));
  $("wrong").querySelector("button").focus();
}

function close() {
  $("wrong").hidden = true;
  $("ask").focus();
}

async function keep(file, { verdict }, right) {
  try {
    const { thumbnail } = await askAboutFile(file, SIDE);
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await thumbnail.arrayBuffer()));
    const id = [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    await run("readwrite", (store) => store.put({ id, right, verdict, picture: thumbnail }));
    const { length } = await all();
    say(`Kept as ${right}. ${length === 1 ? "It is the first" : `There are ${length}`} in this browser; the ZIP is for whoever trains the model.`);
    offer([...TAKE, ["Close", close]]);
  } catch {
    say("That did not work: this browser has no room for it.");
  }
}

async function take() {
  const kept = await all();
  const name = ({ id }) => `pictures/${id}.jpg`;
  const table = csv([["file", "said", "right"], ...kept.map((one) => [name(one), one.verdict, one.right])]);
  const files = await Promise.all(kept.map(async (one) => ({ name: name(one), bytes: new Uint8Array(await one.picture.arrayBuffer()) })));
  download(zip([{ name: "wrong.csv", bytes: new TextEncoder().encode(table) }, ...files]), "wrong.zip");
}

async function forget() {
  await run("readwrite", (store) => store.clear());
  say("Forgotten.");
  offer([["Close", close]]);
}

const all = () => run("readonly", (store) => store.getAll());

/** One request to the browser's own database; each page of an origin has its own. */
function run(mode, request) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(`wrong@${new URL("./", location).pathname}`, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "id" });
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      const transaction = database.transaction(STORE, mode);
      const asked = request(transaction.objectStore(STORE));
      transaction.oncomplete = () => (database.close(), resolve(asked.result));
      transaction.onabort = () => (database.close(), reject(transaction.error));
    };
  });
}
