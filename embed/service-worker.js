// The second visit comes from the browser's cache, online or not. The worker puts the large files there itself.

importScripts("files.js"); // its bytes change with any file of the page, which is how a browser sees an update

const { version, shell, runtime, model, examples } = self.FILES;
const HERE = new URL("./", self.location);
const OURS = `${HERE.pathname}@`; // one origin may hold several of these pages, as USER.github.io does
const CACHE = OURS + version;
const SCRIPT = { "Content-Type": "text/javascript" };

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(removeOld()));
self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET" && event.request.url.startsWith(HERE)) event.respondWith(answer(event.request));
});

async function install() {
  const cache = await caches.open(CACHE);
  for (const { url } of [runtime, model]) {
    const same = await caches.match(url); // the hash in its address: still good in a new version
    if (same) await cache.put(url, same);
  }
  await cache.put("files.js", new Response(`self.FILES = ${JSON.stringify(self.FILES)};`, { headers: SCRIPT }));
  await Promise.all(Object.keys(shell).map((url) => keep(cache, url)));
  await self.skipWaiting();
}

/** Fetch a file into the cache. Whoever answers in its place (a network that wants one to log in) is not kept. */
async function keep(cache, url) {
  const response = await fetch(url, { cache: "no-cache" });
  if (!(response.ok && (await isRight(response.clone(), shell[url])))) throw new Error(`${url} is not what it should be`);
  await cache.put(url, response);
}

/** By its hash; a page, to which a host may add a script of its own, by this version's mark in it. */
async function isRight(response, sha256) {
  if (!sha256) return (await response.text()).includes(`data-version="${version}"`);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await response.arrayBuffer()));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("") === sha256;
}

async function removeOld() {
  const old = (await caches.keys()).filter((name) => name.startsWith(OURS) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
}

async function answer(request) {
  const cache = await caches.open(CACHE);
  const cached = await cache.match(request, { ignoreSearch: request.mode === "navigate" });
  if (cached) return cached;
  const response = await fetch(request);
  const example = examples.find(({ url }) => new URL(url, HERE).href === request.url);
  if (example && response.ok && (await isRight(response.clone(), example.sha256))) await cache.put(request, response.clone());
  return response;
}
