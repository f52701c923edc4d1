// The keys, and what they mean.

export const KEYS = [..."123456789abcdefhijklmopqstyz"]; // classes, in order; u g w n r v x mean else
export const OTHERS = { " ": "later", "?": "unsure", x: "bad" };

/** A key as this page names it: on any keyboard a letter's place is the letter, a digit's the digit. */
export function keyOf(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key in OTHERS || /^[a-z0-9]$/.test(key) || key.length > 1) return key;
  return /^(Key|Digit)(.)$/.exec(event.code)?.[2].toLowerCase() ?? key;
}
