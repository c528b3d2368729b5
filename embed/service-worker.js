// The second visit comes from the browser's cache, online or not. The worker puts the large files there itself.

importScripts("files.js"); // its bytes change with any file of the page, which is how a browser sees an update

const { version, shell, runtime, model } = self.FILES;
const HERE = new URL("./", self.location);
const OURS = `${HERE.pathname}@`; // one origin may hold several of these pages, as USER.github.io does
const CACHE = OURS + version;

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
  await cache.addAll(shell.map((url) => new Request(url, { cache: "no-cache" })));
  await self.skipWaiting();
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
  if (response.ok && new URL(request.url).pathname.includes("/examples/")) await cache.put(request, response.clone());
  return response;
}
