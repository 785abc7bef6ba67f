/**
 * The page of the verifier: takes a proof file, chosen, dropped or named by the address (?proof=…), lets verify.js judge it and says in
 * plain words what was checked, what was not, and one of three verdicts. It decides nothing itself, sends nothing, sets no cookie.
 */
import { CHECKS, POLICY, chooseCrypto, decodeEntry, parsePolicy, verify } from "./verify.js";

const TEXTS = {
  zh: {
    title: "核验一条记录", demo: "演示数据 · 样张，交易不真实", other: "English", drop: "把证明文件拖到这里，或者", choose: "选择证明文件", kind: ".tlog-proof 文件，只在这台设备上核验，不会上传。断网也能用。",
    checking: "正在核验……", again: "再查一条", retry: "重试",
    verified: "已核验", refused: "未通过核验", incomplete: "无法完成核验",
    file: "证明文件", signature: "账本签名", quorum: "见证", inclusion: "在账本里的位置", disclosure: "公开给您的内容", event: "是您要查的那一条", consistency: "与本机上次所见的账本一致",
    fileHeld: "格式完整。", signatureHeld: "由 {origin} 的密钥签名。", quorumNone: "规则没有要求见证者。", quorumHeld: "{witnesses}",
    witness: "{name}（{about}）于 {time} 签名", unknown: "未说明由谁运行",
    inclusionHeld: "第 {index} 条，共 {size} 条。", disclosureNone: "没有附带非公开的内容，因此没有可核对的。", disclosureHeld: "{n} 项，与账本里的承诺一致。",
    eventHeld: "编号 {id}。", eventNone: "文件是您自己给的，请看下面的内容是不是您要查的。",
    first: "这台设备第一次见到这本账，已经记住，下次会比对。", same: "与上次所见相同。", consistent: "账本只在上次所见之后增加，没有改写。",
    unchecked: "没能比对：取不到账本的数据（可能断网），或者本机不能保存记忆。", idle: "没有查到这一步。",
    proves: "能证明：", not: "不能证明：", limits: "录入时属实、实物未被调换。", nothing: "这一次没有证明任何事情。", partly: "下面打勾的各项成立；还有一项没有查成，所以不能说已核验。",
    all: "每一项都查了，全部成立。", allOfFile: "文件里能查的每一项都查了，全部成立。", since: "记录自 {time} 起未被改动。", sinceLogged: "记录自写入账本起未被改动。",
    content: "这条记录写了什么", commands: "用命令行核对", id: "编号", type: "类型", at: "自称发生于", opened: "（仅公开给您）",
    evidence: "两份互相矛盾的签名快照，就是证据。请保存，并交给见证者或媒体。", save: "保存两份快照",
    proof: "这不是一份完整的证明文件。可能下载中断，或者打开的是网页。", extra: "证明文件附带的内容不合格式。", entry: "记录不合格式，或属于别的系统。",
    policy: "本页里写定的规则不合格式。", checkpoint: "账本快照不合格式，可能被截断或改动。",
    signatureBad: "账本的签名不成立：不是本页认定的那本账，或者内容被改动过。", quorumBad: "见证者的签名不够。没有足够的见证，就不能排除给您看的是另一本账。",
    inclusionBad: "这条记录不在签名的账本里：内容、序号或路径有一处不符。", disclosureBad: "附带的内容与账本里的承诺不符。", eventBad: "这份证明是另一条记录的，不是您要查的那一条。",
    consistencyBad: "账本分叉了：它给本机看过的历史，与现在这份不能接续。", older: "账本倒退了：它以前给本机看过更多的记录。",
    noPolicy: "本页没有写入规则，不能核验。请用账本网站上的核验页。", offline: "取不到证明文件：网络断开，或者网站没有回应。已保存的证明文件断网也能核验。",
    waiting: "这条记录还没有公布，暂时没有证明。请过几秒再试。", absent: "网站回答 {status}，没有给出证明文件。", broken: "核验程序没能运行完：{reason}",
    who: "本页按写定的规则核验：账本 {origin}。", crypto: "密码运算由浏览器完成。", fallback: "浏览器缺少所需的密码功能，由本页自带的程序完成。",
  },
  en: {
    title: "Check a record", demo: "Demo data (演示数据) · no real sales", other: "中文", drop: "Drop a proof file here, or", choose: "Choose a proof file", kind: "A .tlog-proof file. It is checked on this device and sent nowhere. Works without a network.",
    checking: "Checking…", again: "Check another", retry: "Try again",
    verified: "Verified", refused: "Not verified", incomplete: "Could not be checked",
    file: "Proof file", signature: "Signature of the log", quorum: "Witnesses", inclusion: "Place in the log", disclosure: "Content disclosed to you", event: "The record you asked for", consistency: "Agrees with what this device saw last",
    fileHeld: "Well formed.", signatureHeld: "Signed with the key of {origin}.", quorumNone: "The rules ask for no witness.", quorumHeld: "{witnesses}",
    witness: "{name} ({about}) signed on {time}", unknown: "who runs it is not said",
    inclusionHeld: "Entry {index} of {size}.", disclosureNone: "No private content comes with the proof, so there is none to check.", disclosureHeld: "As the log committed to it ({n}).",
    eventHeld: "Number {id}.", eventNone: "You gave the file yourself: see below whether it is the record you mean.",
    first: "This device sees this log for the first time. It is remembered and compared next time.", same: "The same as last time.", consistent: "The log has only grown since; nothing was rewritten.",
    unchecked: "Not compared: the log's data cannot be had (perhaps no network), or this device keeps no memory.", idle: "Not reached.",
    proves: "Proves: ", not: "Does not prove: ", limits: "that it was true when recorded, nor that the goods were not swapped.", nothing: "nothing, this time.", partly: "what is ticked below. One check could not be made, so this is not called verified.",
    all: "Every check was made, and all held.", allOfFile: "Every check that a file allows was made, and all held.", since: "the record has not been changed since {time}.", sinceLogged: "the record has not been changed since it was logged.",
    content: "What this record says", commands: "Check on the command line", id: "Number", type: "Kind", at: "Said to have happened", opened: " (disclosed to you)",
    evidence: "Two signed checkpoints that contradict each other are evidence. Save them and give them to a witness or to the press.", save: "Save both checkpoints",
    proof: "This is not a whole proof file. The download may have been cut short, or it is a web page.", extra: "What comes with the proof is malformed.", entry: "The record is malformed, or belongs to another system.",
    policy: "The rules pinned in this page are malformed.", checkpoint: "The log's checkpoint is malformed, cut short or changed.",
    signatureBad: "The log's signature does not hold: not the log this page knows, or something was changed.", quorumBad: "Too few witnesses have signed. Without them, you may be shown another log than everybody else.",
    inclusionBad: "This record is not in the signed log: content, number or path does not fit.", disclosureBad: "The content disclosed is not what the log committed to.", eventBad: "This proof is about another record, not the one you asked for.",
    consistencyBad: "The log has forked: what it showed this device before does not continue into this.", older: "The log went back: it showed this device more entries before.",
    noPolicy: "No rules are pinned in this page, so it cannot check. Use the page on the log's own site.", offline: "The proof cannot be fetched: no network, or the site does not answer. A saved proof file can be checked without a network.",
    waiting: "This record is not published yet, so there is no proof. Try again in a few seconds.", absent: "The site answered {status} and gave no proof file.", broken: "The check did not run to its end: {reason}",
    who: "This page checks by the rules pinned in it: the log {origin}.", crypto: "The browser does the cryptography.", fallback: "The browser lacks the cryptography, so this page brings its own.",
  },
};
const FIELDS = {
  zh: { county: "县（代码）", biz_step: "环节", event_type: "事件类型", action: "动作", organization: "记录方", product_class: "产品", origin: "来源", material: "物料", step: "工序", outputs: "产出批次", lot_code: "批次", event_hash: "事件指纹", body_sha256: "内容指纹", household: "农户代号", ear_tags: "耳标", serials: "盒子编号", events: "涉及条数", reason: "原因" },
  en: {},
};
const DEMO = "演示见证者，与本站同一运营者";
const KNOWN_WORDS = { [DEMO]: "demo witness, run by the same people as this site" };
const MOST = 4e6; // bytes of a proof file
const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

const query = new URLSearchParams(location.search);
let lang = (query.get("lang") ?? navigator.language ?? "").startsWith("en") ? "en" : "zh";
let shown = () => {};
const say = (key, values = {}) => (TEXTS[lang][key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
const nameOf = (text) => (text ? (lang === "en" && KNOWN_WORDS[text]) || text : say("unknown"));
const moment = (seconds) => new Intl.DateTimeFormat(lang === "en" ? "en-GB" : "zh-CN", { dateStyle: "long", timeStyle: "short" }).format(seconds * 1000);

/** An element: el("p", {class: "soft"}, "text", child …). Text is never markup. */
function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== false) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

function show(draw) {
  shown = draw;
  document.documentElement.lang = lang === "en" ? "en" : "zh-Hans";
  document.title = say("title");
  const other = el("button", { class: "quiet", lang: lang === "en" ? "zh-Hans" : "en", click: () => { lang = lang === "en" ? "zh" : "en"; show(shown); } }, say("other"));
  const demo = POLICY.includes(DEMO) ? [el("p", { class: "demo" }, say("demo"))] : [];
  document.getElementById("page").replaceChildren(...demo, el("header", {}, el("h1", {}, say("title")), other), ...draw());
}

function drawEmpty() {
  const input = el("input", { type: "file", change: () => input.files.length && take(input.files[0]) });
  const pick = el("label", { class: "pick", dragover: (event) => { event.preventDefault(); pick.classList.add("over"); }, dragleave: () => pick.classList.remove("over") },
    el("span", { class: "soft" }, say("drop")), el("span", { class: "button" }, say("choose")), input, el("span", { class: "soft small" }, say("kind")));
  return [pick, both(say("sinceLogged"))];
}

const both = (proved) => el("section", { class: "both" }, el("p", {}, el("strong", {}, say("proves")), proved), el("p", {}, el("strong", {}, say("not")), say("limits")));

/** One line for each check: held, failed, could not be made, or not reached. */
function drawCheck(check, result) {
  const state = result.held.includes(check) ? "held" : check !== result.failed ? "idle" : result.state === "refused" ? "failed" : "open";
  const asked = check === "event" && !result.event;
  return el("li", { class: asked ? "idle" : state }, el("span", { "aria-hidden": "true" }, asked ? "·" : { held: "✓", failed: "✕", open: "?", idle: "·" }[state]),
    el("strong", {}, say(check)), el("span", { class: "small" }, asked ? say("eventNone") : explain(check, state, result)));
}

function explain(check, state, result) {
  if (state === "idle") return say("idle");
  if (state === "failed") return reason(result);
  if (state === "open") return check === "consistency" && result.kind !== "error" ? say("unchecked") : say("broken", result);
  if (check === "consistency") return say(result.seen);
  if (check === "event") return say("eventHeld", { id: result.event });
  const names = Object.entries(result.witnessed ?? {});
  const witnesses = names.map(([name, time]) => say("witness", { name, about: nameOf(result.about[name]), time: moment(time) })).join("\n");
  const opened = Object.keys(result.disclosed ?? {}).length;
  if (check === "quorum" && !names.length) return result.witnessed ? say("quorumNone") : "";
  if (check === "disclosure") return say(opened ? "disclosureHeld" : "disclosureNone", { n: opened });
  return result.origin ? say(`${check}Held`, { ...result, witnesses }) : "";
}

const reason = (result) => (TEXTS[lang][`${result.kind}Bad`] ? say(`${result.kind}Bad`) : say(result.kind));

function drawResult(result) {
  const times = Object.values(result.witnessed ?? {});
  const since = times.length ? say("since", { time: moment(Math.max(...times)) }) : say("sinceLogged");
  const proved = result.state === "verified" ? since : say(result.state === "incomplete" && result.held.length ? "partly" : "nothing");
  const line = result.state === "verified" ? say(result.event ? "all" : "allOfFile") : result.state === "refused" ? reason(result) : result.line ? say(result.line, result) : explain(result.failed, "open", result);
  const mark = { verified: "✓", refused: "✕", incomplete: "?" }[result.state];
  return [
    el("section", { class: `verdict ${result.state}`, role: "status", "data-verdict": result.state, "data-kind": result.line ?? result.kind ?? "" },
      el("h2", {}, el("span", { "aria-hidden": "true" }, mark), say(result.state)), el("p", {}, line)),
    both(proved),
    result.evidence ? drawEvidence(result.evidence) : null,
    result.line ? null : el("section", { class: "sheet" }, el("ul", { class: "checks" }, ...CHECKS.map((check) => drawCheck(check, result))),
      el("p", { class: "soft small" }, say(result.crypto === "fallback" ? "fallback" : "crypto"))),
    result.entry && result.state !== "refused" ? drawEntry(result) : null,
    el("p", { class: "actions" }, el("button", { click: begin }, say("again")), result.again ? el("button", { click: result.again }, say("retry")) : null),
    result.log ? el("p", { class: "soft small" }, say("who", { origin: result.log })) : null,
  ].filter((part) => part !== null);
}

function drawEvidence(notes) {
  const content = notes.join("\n----\n");
  const save = el("a", { class: "button", download: "evidence.txt", href: URL.createObjectURL(new Blob([content], { type: "text/plain" })) }, say("save"));
  return el("section", { class: "sheet", "data-evidence": "" }, el("p", {}, say("evidence")), el("p", {}, save), el("pre", {}, content));
}

function drawEntry(result) {
  let entry;
  try { entry = decodeEntry(result.entry); } catch { return null; }
  const lines = [[say("id"), entry.id], [say("type"), entry.type], [say("at"), moment(Date.parse(entry.at.slice(0, 19) + "Z") / 1000)],
    ...Object.entries(entry.public).map(([name, value]) => [FIELDS[lang][name] ?? name, value]),
    ...Object.entries(result.disclosed ?? {}).map(([name, value]) => [(FIELDS[lang][name] ?? name) + say("opened"), value])];
  const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));
  return el("details", { class: "sheet", open: !result.event && "" }, el("summary", {}, say("content")),
    el("dl", {}, ...lines.flatMap(([term, value]) => [el("dt", {}, term), el("dd", {}, text(value))])));
}

// --- getting the bytes

/** Where the log's own files are: beside this page if it stands in a log, else where the pinned rules say. */
async function findBase() {
  if (/^https?:$/.test(location.protocol) && location.pathname.includes("/log/verifier/")) return new URL("../", location.href).href;
  const [url] = (await parsePolicy(new TextEncoder().encode(POLICY))).urls;
  return url ? `${url.replace(/\/$/, "")}/` : null;
}

async function get(url) {
  const answer = await fetch(url, { credentials: "omit", signal: AbortSignal.timeout?.(15000) });
  return { status: answer.status, bytes: answer.ok ? new Uint8Array(await answer.arrayBuffer()) : new Uint8Array() };
}

/** A tile's bytes; a partial one may have become full meanwhile, then the full one is cut. Throws when neither can be had. */
const readTile = (base) => async (path) => {
  const [full, width] = path.split(".p/");
  let found = await get(base + path);
  if (found.status !== 200 && width) {
    found = await get(base + full);
    found.bytes = found.bytes.subarray(0, Number(width) * 32);
  }
  if (found.status !== 200) throw new Error(`${path}: ${found.status}`);
  return found.bytes;
};

const memory = { getItem: (name) => localStorage.getItem(name), setItem: (name, value) => localStorage.setItem(name, value) };

async function judge(proof, event, fresh, again) {
  if (!POLICY) return show(() => drawResult({ state: "incomplete", line: "noPolicy", held: [] }));
  let base = null, rules, crypto;
  try {
    crypto = (await chooseCrypto()).name;
    rules = await parsePolicy(new TextEncoder().encode(POLICY));
    base = await findBase();
  } catch { /* verify says so itself */ }
  const result = await verify({ proof, event, fresh, store: memory, readTile: readTile(base) });
  const whole = { ...result, event, crypto, again: result.state === "incomplete" && again, log: rules?.logs.map((key) => key.name).join(", ") };
  return show(() => drawResult(whole));
}

async function take(file) {
  show(() => [el("p", { role: "status" }, say("checking"))]);
  if (file.size > MOST) return show(() => drawResult({ state: "refused", kind: "proof", failed: "file", held: [] }));
  return judge(new Uint8Array(await file.arrayBuffer()), "", false, () => take(file));
}

async function load(address) {
  show(() => [el("p", { role: "status" }, say("checking"))]);
  const stop = (line, values = {}) => show(() => drawResult({ state: "incomplete", line, held: [], again: () => load(address), ...values }));
  let found;
  try {
    const base = await findBase();
    found = await get(new URL(address, base ?? location.href));
  } catch { return stop("offline"); }
  if (found.status === 202) return stop("waiting");
  if (found.status !== 200) return stop("absent", { status: found.status });
  const asked = address.split("?")[0].match(UUID)?.at(-1) ?? "";
  return judge(found.bytes, asked, true, () => load(address));
}

function begin() { show(drawEmpty); }

addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => { event.preventDefault(); if (event.dataTransfer?.files.length) take(event.dataTransfer.files[0]); });
addEventListener("unhandledrejection", (event) => show(() => drawResult({ state: "incomplete", line: "broken", reason: String(event.reason?.message ?? event.reason), held: [] })));
if (query.get("proof")) load(query.get("proof")); else begin();
