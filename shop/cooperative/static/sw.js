// Keeps the page for entries without a network. The server puts two lines before this: VERSION, and FILES, all that the page needs.
// The files belong together: they are kept all or not at all, and a new version replaces them all.
"use strict";
const HOME = new URL("./", self.location).pathname;

self.addEventListener("install", (event) => {
  const keep = async () => {
    const cache = await caches.open(VERSION);
    const how = { cache: "no-cache", credentials: "omit" };
    const opened = await fetch(HOME, how); // the page somebody has just opened is asked after, not sent once more
    if (!opened.ok) throw new Error(opened.status);
    const own = `${HOME}?lang=${opened.headers.get("Content-Language") === "en" ? "en" : "zh_Hans_CN"}`;
    await cache.addAll(FILES.filter((url) => url !== own).map((url) => new Request(url, how)));
    await cache.put(own, opened);
    await self.skipWaiting();
  };
  event.waitUntil(keep());
});

self.addEventListener("activate", (event) => {
  const tidy = async () => {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name.startsWith("offline-") && name !== VERSION).map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(tidy());
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  let wanted = url.pathname + url.search;
  if (url.pathname === HOME) wanted = `${HOME}?lang=${url.searchParams.get("lang") === "en" ? "en" : "zh_Hans_CN"}`;
  if (!FILES.includes(wanted)) return;
  const answer = async () => (await (await caches.open(VERSION)).match(wanted)) || fetch(event.request);
  event.respondWith(answer());
});
