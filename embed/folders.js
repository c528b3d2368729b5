// The pictures in folders that were dropped.

const PICTURE = /\.(jpe?g|png|webp|avif|gif|bmp|hei[cf]|tiff?)$/i;

/**
 * @param {FileSystemEntry[]} entries files and folders, as they were dropped
 * @returns {Promise<File[]>} the files, and of the folders what is called like a picture, in the order of their names
 */
export async function filesBelow(entries) {
  const files = [];
  for (const entry of entries) {
    if (entry.isFile) files.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
    else files.push(...(await filesBelow(await inside(entry))));
  }
  return files;
}

async function inside(folder) {
  const reader = folder.createReader(), found = [];
  for (let some; (some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))).length; ) found.push(...some);
  return found
    .filter(({ isDirectory, name }) => !name.startsWith(".") && (isDirectory || PICTURE.test(name)))
    .sort((one, other) => one.name.localeCompare(other.name, undefined, { numeric: true }));
}
