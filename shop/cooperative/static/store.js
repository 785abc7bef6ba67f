// The phone's own database, in as few words as it takes. Stores: kept (single things by name), numbers (free numbers), entries (the queue),
// photos (of entries that wait, by the entry's id).

const asked = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

let opening = null;
const database = () => {
  opening = opening || new Promise((resolve, reject) => {
    const request = indexedDB.open("shanhai-offline", 2);
    request.onupgradeneeded = ({ oldVersion }) => {
      if (oldVersion < 1) {
        request.result.createObjectStore("kept");
        request.result.createObjectStore("numbers", { keyPath: "slip" });
        request.result.createObjectStore("entries", { keyPath: "id" });
      }
      request.result.createObjectStore("photos");
    };
    request.onsuccess = () => {
      request.result.onversionchange = () => request.result.close(); // a newer page in another tab need not wait for this one
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
  });
  return opening;
};

/** Run `act` on the named stores in one transaction, all or nothing; what it gives comes once the transaction is on the disk. */
export async function change(stores, act) {
  const transaction = (await database()).transaction(stores, "readwrite");
  const done = new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error);
  });
  try {
    const result = await act(...stores.map((name) => transaction.objectStore(name)), asked);
    await done;
    return result;
  } catch (error) {
    done.catch(() => {}); // the reason is the act's
    try { transaction.abort(); } catch (ended) { /* by itself */ }
    throw error;
  }
}

export const all = async (store) => asked((await database()).transaction(store).objectStore(store).getAll());
export const find = async (store, key) => asked((await database()).transaction(store).objectStore(store).get(key));
export const put = (store, value, key) => change([store], (open) => { open.put(value, key); });
export const remove = (store, key) => change([store], (open) => { open.delete(key); });

/** Forget everything this page keeps on the phone. */
export const wipe = () => change(["kept", "numbers", "entries", "photos"], (...stores) => { for (const store of stores.slice(0, 4)) store.clear(); });
