"use strict";
// What was kept and rejected, and where that is saved. The scripts share one scope; hands.js starts.

const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const feed = at("feed");
const scroller = at("scroll");
const audio = at("audio");
const clips = data.clips;
const WORDS = { keep: "kept", reject: "rejected" };
const COLOURS = ["#8fd0ff", "#ffb38a", "#9be564", "#e583f5"];
const SPARE_ROWS = 2;

// A map, since an id may be any text.
const choices = new Map(data.choices);
const known = new Set(clips.map((clip) => clip.id));
const unsent = [];
let sending = false;
let retry = 0;

function restore() {
  if (data.served) return;
  try {
    const kept = JSON.parse(localStorage.getItem(data.key) || "[]");
    for (const [id, choice] of kept) put(id, choice);
  } catch {
    tellSaved("This browser does not keep choices: download them before you leave.", true);
  }
}

function put(id, choice) {
  if (choice in WORDS) choices.set(id, choice);
  else choices.delete(id);
}

function store() {
  try {
    localStorage.setItem(data.key, JSON.stringify([...choices]));
    tellSaved("Kept in this browser. Download the choices to compose with them.");
  } catch {
    tellSaved("Not kept by this browser: download the choices.", true);
  }
}

async function send() {
  if (sending) return;
  sending = true;
  clearTimeout(retry);
  while (unsent.length) {
    const change = unsent[0];
    try {
      const answer = await fetch("choices", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(change),
      });
      if (!answer.ok) throw new Error(await answer.text());
      unsent.shift();
    } catch (error) {
      const why = error instanceof TypeError ? "the server does not answer" : error.message;
      tellSaved(`Not saved yet: ${why}`, true);
      retry = setTimeout(send, 2000);
      break;
    }
  }
  sending = false;
  if (!unsent.length) tellSaved("Saved");
}

function tellSaved(text, bad = false) {
  at("saved").textContent = text;
  at("saved").classList.toggle("bad", bad);
}

function choose(index, choice) {
  const clip = clips[index];
  put(clip.id, choice);
  if (data.served) {
    unsent.push({ clip: clip.id, choice });
    send();
  } else {
    store();
  }
  dress(index);
  const { keep, reject } = count();
  const left = clips.length - keep - reject;
  say(`${WORDS[choice] || "undecided"}: ${titleOf(clip)}. ${left} to go.`);
}

function count() {
  let keep = 0;
  let reject = 0;
  for (const [id, choice] of choices) {
    if (!known.has(id)) continue;
    if (choice === "keep") keep += 1;
    else reject += 1;
  }
  const left = clips.length - keep - reject;
  at("counts").replaceChildren(
    element("span", "keep", `${keep} kept`), " · ",
    element("span", "reject", `${reject} rejected`), " · ",
    `${left} to go of ${clips.length}`,
  );
  at("kept").textContent = keep ? `${keep} kept:` : "Nothing is kept yet.";
  return { keep, reject };
}

function say(text) {
  at("said").textContent = text;
}
