// A picture in, by drop, paste, file dialog or the paste button. What comes is a list of files, or a sentence.

const $ = (id) => document.getElementById(id);

/** Whether the page around this one lets it use a feature: an iframe may lack it. */
export const allowed = (feature) => document.featurePolicy?.allowsFeature(feature) ?? true;

/**
 * @param {(files: File[]) => void} take
 * @param {(sentence: string) => void} refuse
 */
export function listen(take, refuse) {
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dragging");
  });
  addEventListener("dragleave", (event) => event.relatedTarget ?? document.body.classList.remove("dragging"));
  addEventListener("drop", async (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    const types = [...event.dataTransfer.types]; // gone after the event
    give(types, await filesOf(event.dataTransfer));
  });
  addEventListener("paste", ({ clipboardData }) => give(clipboardData.types, [...clipboardData.files]));

  function give(types, files) {
    if (files.length) take(files);
    else if (types.includes("Files")) refuse("There is no picture in that folder.");
    else if (types.length) refuse("That is not a picture but text or a link. Save the picture, then drop the file.");
  }

  $("drop").onclick = $("choose").onclick = () => $("file").click();
  $("file").onchange = () => {
    const files = [...$("file").files];
    $("file").value = ""; // so that the same file can be chosen again
    if (files.length) take(files);
  };

  $("paste").hidden = !(navigator.clipboard?.read && allowed("clipboard-read"));
  $("paste").onclick = async () => {
    try {
      for (const item of await navigator.clipboard.read()) {
        const type = item.types.find((type) => type.startsWith("image/"));
        if (type) return take([await item.getType(type)]);
      }
      refuse("There is no picture in the clipboard. Copy one first.");
    } catch {
      refuse("The browser does not let this page see the clipboard. Press Ctrl+V (on a Mac ⌘V) instead.");
    }
  };
}

/** The files that were dropped; of a folder, the pictures in it. */
async function filesOf(transfer) {
  const files = [...transfer.files];
  const entries = [...(transfer.items ?? [])].map((item) => item.webkitGetAsEntry?.());
  if (!entries.some((entry) => entry?.isDirectory)) return files;
  const { filesBelow } = await import("./folders.js");
  return filesBelow(entries.filter(Boolean));
}
