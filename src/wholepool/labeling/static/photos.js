// Images: loaded before they are needed, and shown as large as fits.

const LARGEST = 16; // times: a tiny image is not blown up further
const loaded = new Map(); // image -> its element

/** The element of an image; it has begun to load. */
export function photo(image) {
  if (!loaded.has(image)) {
    const element = new Image();
    element.decoding = "sync"; // it is decoded below, so that it can be painted at once
    element.src = `image/${image}`;
    element.ready = element.decode().then(
      () => true,
      () => element.complete && element.naturalWidth > 0,
    );
    element.ready.then((good) => { element.state = good ? "good" : "gone"; });
    loaded.set(image, element);
  }
  return loaded.get(image);
}

let wanted = [];

/** Load these one after the other, so that the first is there first, and forget all others. */
export async function keep(images) {
  wanted = images;
  for (const image of loaded.keys()) if (!images.includes(image)) loaded.delete(image);
  for (const image of images) {
    if (wanted !== images) return;
    await photo(image).ready;
  }
}

/** Why an image cannot be shown, in the server's words. */
export async function why(image) {
  try {
    return await (await fetch(`image/${image}`)).text();
  } catch {
    return "the server does not answer";
  }
}

export function fit(box) {
  const element = box.querySelector("img");
  if (!element?.naturalWidth) return;
  const scale = Math.min(
    box.clientWidth / element.naturalWidth, box.clientHeight / element.naturalHeight, LARGEST,
  );
  element.style.width = `${Math.max(1, Math.floor(element.naturalWidth * scale))}px`;
  element.style.height = `${Math.max(1, Math.floor(element.naturalHeight * scale))}px`;
}
