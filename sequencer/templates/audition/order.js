"use strict";
// Which clips are shown, and in which order.

const texts = clips.map((clip) => [
  clip.name, clip.id, clip.verdict,
  ...clip.recordings.flatMap((r) => [r.title, r.author, r.licence, ...r.categories]),
].join("\n").toLowerCase());

// What is measured: its name in the data, for people, and what its least and its most is called.
const MEASURES = [
  ["seconds", "Length in s", "shortest", "longest"],
  ["loudness", "Loudness in LUFS", "quietest", "loudest"],
  ["brightness", "Brightness in Hz", "darkest", "brightest"],
  ["likelihood", "Log-likelihood in nats a sample", "least likely", "likeliest"],
].filter(([name]) => clips.some((clip) => Number.isFinite(clip[name])));

let listed = [];
let active = 0;
let longest = 1;
// The clip that the others are sorted by likeness to.
let like = 0;

function list() {
  const words = at("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const show = at("show").value;
  const verdict = at("verdict").value;
  const wanted = ranges();
  const before = listed[active];
  listed = [];
  clips.forEach((clip, index) => {
    const choice = choices.get(clip.id);
    if (show === "undecided" ? choice : show !== "all" && choice !== show) return;
    if (verdict && clip.verdict !== verdict) return;
    if (!wanted.every(([name, least, most]) => clip[name] >= least && clip[name] <= most)) return;
    if (words.every((word) => texts[index].includes(word))) listed.push(index);
  });
  sort();
  longest = listed.reduce((most, index) => Math.max(most, clips[index].seconds), 0.1);
  const again = listed.indexOf(before);
  active = again >= 0 ? again : Math.min(active, Math.max(0, listed.length - 1));
  const narrowed = wanted.length + (verdict ? 1 : 0);
  at("filter-name").textContent = narrowed ? `Filter (${narrowed})` : "Filter";
  at("nothing").hidden = listed.length > 0;
  clear();
  lay();
  drawMap();
}

// A range that is not narrowed leaves in what has no such measure.
function ranges() {
  return MEASURES.flatMap(([name]) => {
    const [least, most] = ["least", "most"].map((end) => at(`${end}-${name}`).valueAsNumber);
    if (Number.isNaN(least) && Number.isNaN(most)) return [];
    return [[name, Number.isNaN(least) ? -Infinity : least, Number.isNaN(most) ? Infinity : most]];
  });
}

function sort() {
  const wanted = at("sort").value;
  if (!wanted) return;
  if (wanted === "title") {
    const titles = new Map(listed.map((index) => [index, titleOf(clips[index])]));
    const compare = new Intl.Collator().compare;
    listed.sort((a, b) => compare(titles.get(a), titles.get(b)) || a - b);
    return;
  }
  const value = wanted === "like"
    ? (clip) => away2(clip.place, clips[like].place)
    : (clip) => clip[wanted.slice(1)];
  const sign = wanted[0] === "-" ? -1 : 1;
  const last = (index) => {
    const found = value(clips[index]);
    return Number.isFinite(found) ? sign * found : Infinity;
  };
  const values = new Map(listed.map((index) => [index, last(index)]));
  // Two that are last are equal: their difference is no number.
  listed.sort((a, b) => values.get(a) - values.get(b) || a - b);
}

function away2(one, other) {
  return (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2;
}

function sortByLikeness() {
  if (!listed.length) return;
  like = listed[active];
  at("sort").value = "like";
  list();
  go(0);
  say(`Sorted by likeness to ${titleOf(clips[like])}`);
}

// After a change of what is shown, the first clip is where the eye begins.
function listAnew() {
  if (at("sort").value === "like" && listed.length) like = listed[active];
  active = 0;
  listed = [];
  list();
  scroller.scrollTop = 0;
  draw();
}

function offer() {
  const option = (value, text) => {
    const made = element("option", "", text);
    made.value = value;
    return made;
  };
  at("sort").append(option("", "as listed"), option("title", "title"));
  for (const [name, , least, most] of MEASURES) {
    at("sort").append(option(`+${name}`, `${least} first`), option(`-${name}`, `${most} first`));
  }
  at("sort").append(option("like", "like this one"));
  for (const verdict of [...new Set(clips.map((clip) => clip.verdict))].sort()) {
    at("verdict").append(option(verdict, verdict));
  }
  for (const [name, text] of MEASURES) {
    const values = clips.map((clip) => clip[name]).filter(Number.isFinite);
    const line = element("p", "range");
    line.append(element("span", "", text));
    for (const [end, pick] of [["least", Math.min], ["most", Math.max]]) {
      const input = element("input");
      input.type = "number";
      input.step = "any";
      input.id = `${end}-${name}`;
      input.setAttribute("aria-label", `${text}, ${end}`);
      input.placeholder = values.reduce((a, b) => pick(a, b));
      input.addEventListener("input", list);
      line.append(input);
    }
    at("ranges").append(line);
  }
}

function widen() {
  at("verdict").value = "";
  for (const input of at("ranges").querySelectorAll("input")) input.value = "";
  list();
}
