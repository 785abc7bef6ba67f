// What the page says: its sentences (all stand in the page itself), times and amounts as people read them.
const TEXTS = JSON.parse(document.getElementById("texts").textContent);
export const lang = document.documentElement.lang === "en" ? "en" : "zh_Hans_CN";
export const say = (name, values = {}) => TEXTS[name].replace(/\{(\w+)\}/g, (_, value) => values[value]);

const two = (number) => String(number).padStart(2, "0");
export const day = (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
export const moment = (text) => { const at = new Date(text); return `${day(at).slice(5)} ${two(at.getHours())}:${two(at.getMinutes())}`; };

// --- amounts: text in, text out, six decimals, no floats

const PLAIN = /^(0|[1-9][0-9]{0,11})(\.[0-9]{1,6})?$/;
const normal = (text) => text.normalize("NFKC").trim();
const millionths = (text) => { const [whole, part = ""] = text.split("."); return BigInt(whole + part.padEnd(6, "0")); };
export const plain = (value) => { const digits = String(value).padStart(7, "0"); return `${digits.slice(0, -6)}.${digits.slice(-6)}`.replace(/\.?0+$/, ""); };

/** Whether it is an amount above nothing. */
export const isAmount = (text) => PLAIN.test(normal(text)) && /[1-9]/.test(normal(text));

/** An amount in millionths of the unit lots are counted in, and that unit: 斤 become 公斤. */
export function standard({ quantity, unit }) {
  const typed = millionths(normal(quantity));
  return unit === "jin" ? { left: typed / 2n, unit: "kg" } : { left: typed, unit };
}

/** An amount as people read it: a weight in 公斤 and in 斤. */
export function amount({ quantity, unit }) {
  if (!PLAIN.test(normal(quantity))) return "";
  const { left, unit: counted } = standard({ quantity, unit });
  if (counted !== "kg") return `${plain(left)} ${say(counted)}`;
  return `${plain(left)} ${say("kg")} · ${plain(unit === "jin" ? millionths(normal(quantity)) : left * 2n)} ${say("jin").split(" ")[0]}`;
}
