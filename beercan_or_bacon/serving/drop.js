// A picture in, by drop, paste, link or file dialog; part of page.js's function. Gradio uploads it and asks the server.
let latest = 0; // what was given last counts
let note = ""; // what to say beside the verdict
let refused = ""; // what was wrong before anything was sent; stands until the visitor gives another picture

/** Of several files the first picture is taken, and the verdict says so. */
function take(files) {
  const file = files.find(({ type }) => type.startsWith("image/")) ?? files[0];
  note = files.length > 1 ? "This page takes one picture at a time: this is the first." : "";
  put(file);
}

async function put(file) {
  const mine = ++latest;
  if (file.size > props.most_bytes) return refuse(props.too_large);
  refused = "";
  // a file whose kind the browser does not know, or misjudges by its name, is for the server to judge
  const known = file.type.startsWith("image/") ? file : new File([file], file.name, { type: "image/unknown" });
  const transfer = new DataTransfer();
  transfer.items.add(known);
  if (!input()) await new Promise(untilUploaded);
  if (mine !== latest) return;
  input().files = transfer.files;
  input().dispatchEvent(new CustomEvent("change", { bubbles: true, detail: "given" }));
}

const input = () => page.querySelector("#bcob-upload input[type=file]");

/** While Gradio uploads one picture it takes no other. */
function untilUploaded(done) {
  const observer = new MutationObserver(() => input() && (observer.disconnect(), done()));
  observer.observe(page.querySelector("#bcob-upload"), { childList: true, subtree: true });
}

function refuse(sentence) {
  ++latest;
  refused = sentence;
  show(null);
  removePicture();
}

/** No verdict stands beside what was refused. */
function removePicture() {
  page.querySelector('#bcob-upload [aria-label="Remove Image"]')?.click();
}

// Whatever a visitor does to the picture or the examples gives another one; our own click on "Remove Image" does not
document.addEventListener("click", ({ isTrusted, target }) => {
  if (isTrusted && target.closest("#bcob-upload, #bcob-examples")) refused = "";
}, true);

/** A picture of another site is fetched by the browser; the server never asks for anything on a visitor's behalf. */
async function fetchPicture(address) {
  const mine = ++latest;
  waitFor("Fetching it…");
  let blob;
  try {
    const response = await fetch(address, { credentials: "omit", referrerPolicy: "no-referrer" });
    if (!response.ok) throw new Error();
    blob = await response.blob();
  } catch {
    if (mine === latest) refuse("The other site does not give that picture to this page. Save it and drop the file.");
    return;
  }
  if (mine !== latest) return;
  if (blob.type.startsWith("text/")) return refuse("That link leads to a page and not to a picture. Save the picture and drop the file.");
  put(new File([blob], "picture", { type: blob.type }));
}

/** The address of the picture that was dragged here from another page, or else of the link. */
function addressIn(transfer) {
  const html = new DOMParser().parseFromString(transfer.getData("text/html"), "text/html");
  const link = transfer.getData("text/uri-list").split(/\r?\n/).find((line) => line && !line.startsWith("#"));
  const address = html.querySelector("img")?.src || link || "";
  return /^(https?|data|blob):/.test(address) ? address : "";
}

function give(event, transfer) {
  const files = [...(transfer?.files ?? [])], address = files.length || !transfer ? "" : addressIn(transfer);
  if (!files.length && !address && event.type !== "drop") return; // a text that is pasted is none of ours
  event.preventDefault();
  event.stopPropagation();
  if (files.length) take(files);
  else if (address) fetchPicture(address);
  else refuse("That is not a picture but text. Drop a picture or its file.");
}

document.addEventListener("paste", (event) => give(event, event.clipboardData), true);
document.addEventListener("drop", (event) => give(event, event.dataTransfer), true);
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("change", (event) => {
  if (event.detail === "given" || event.target !== input() || !event.target.files.length) return;
  event.stopPropagation(); // Gradio would judge the file by its name, and say so in a corner of the page
  const files = [...event.target.files];
  event.target.value = ""; // so that the same file can be chosen again
  take(files);
}, true);
