"use strict";
// Keys, clicks and the start of it all.

// What a key does wherever it is among the clips.
const EVERYWHERE = {
  l: sortByLikeness,
  m: toggleMap,
  p: otherPicture,
  n: nextUndecided,
  "/": () => at("search").focus(),
  Escape: silence,
};

function press(event, keys) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const all = { ...EVERYWHERE, ...keys };
  if (/^[0-9]$/.test(key)) all[key] = () => hear(Number(key));
  if (!Object.hasOwn(all, key)) return;
  event.preventDefault();
  all[key]();
}

map.addEventListener("keydown", (event) => {
  const here = (choice) => {
    if (listed.length) choose(listed[active], choice);
  };
  press(event, {
    k: () => here("keep"),
    r: () => here("reject"),
    u: () => here(""),
    " ": () => listed.length && toggle(listed[active]),
    Enter: () => go(active),
    ArrowRight: () => visitToward(1, 0),
    ArrowLeft: () => visitToward(-1, 0),
    ArrowDown: () => visitToward(0, 1),
    ArrowUp: () => visitToward(0, -1),
  });
});

feed.addEventListener("keydown", (event) => {
  const onTile = event.target.matches("article");
  const page = Math.max(1, Math.floor(scroller.clientHeight / (size.height + size.gap))) * columns;
  const keys = {
    k: () => decide("keep"),
    r: () => decide("reject"),
    u: () => decide(""),
    ArrowRight: () => move(active + 1),
    ArrowLeft: () => move(active - 1),
    ArrowDown: () => active + columns < listed.length && move(active + columns),
    ArrowUp: () => active >= columns && move(active - columns),
    PageDown: () => move(active + page),
    PageUp: () => move(active - page),
    Home: () => move(0),
    End: () => move(listed.length - 1),
  };
  if (onTile) keys[" "] = keys.Enter = () => toggle(listed[active]);
  press(event, keys);
});

feed.addEventListener("click", (event) => {
  const tile = event.target.closest("article");
  if (!tile || event.target.closest("a")) return;
  const index = Number(tile.dataset.index);
  const place = listed.indexOf(index);
  const button = event.target.closest("button");
  go(place, !button);
  if (!button) {
    if (event.target.closest(".look")) toggle(index);
  } else if (button.classList.contains("play")) {
    toggle(index);
  } else if (button.classList.contains("parent")) {
    toggle(index, Number(button.dataset.part));
  } else {
    const wanted = button.classList.contains("yes") ? "keep" : "reject";
    choose(index, choices.get(clips[index].id) === wanted ? "" : wanted);
    const show = at("show").value;
    if (show !== "all" && choices.get(clips[index].id) !== show) {
      list();
      if (listed.length) go(active);
    }
  }
});

feed.addEventListener("focusin", (event) => {
  const tile = event.target.closest("article");
  const place = tile ? listed.indexOf(Number(tile.dataset.index)) : -1;
  if (place >= 0 && place !== active) go(place, false);
});

let asked = false;
scroller.addEventListener("scroll", () => {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    draw();
  });
}, { passive: true });

at("search").addEventListener("input", list);
at("search").addEventListener("keydown", (event) => {
  if (event.key !== "Escape" && event.key !== "Enter") return;
  event.preventDefault();
  go(active);
});
at("show").addEventListener("change", list);
at("verdict").addEventListener("change", list);
at("sort").addEventListener("change", listAnew);
at("scale").addEventListener("change", redraw);
at("widen").addEventListener("click", widen);
at("mapped").addEventListener("click", toggleMap);
at("copy").addEventListener("click", copyCommand);
at("toggle").addEventListener("click", () => {
  if (listed.length || playing >= 0) toggle(playing >= 0 ? playing : listed[active]);
});
at("seek").addEventListener("input", () => {
  const length = audio.duration || 0;
  audio.currentTime = (at("seek").value / 1000) * length;
});
for (const sheet of document.querySelectorAll("details")) {
  sheet.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    sheet.open = false;
    sheet.querySelector("summary").focus();
  });
  // One sheet at a time.
  sheet.addEventListener("toggle", () => {
    if (!sheet.open) return;
    for (const other of document.querySelectorAll("details[open]")) {
      if (other !== sheet) other.open = false;
    }
  });
}

// A page on a disk may have no clipboard of its own; what is selected can be copied by hand.
async function copyCommand() {
  const text = at("command").textContent;
  try {
    await navigator.clipboard.writeText(text);
    at("copied").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(at("command"));
    const done = document.execCommand("copy");
    at("copied").textContent = done ? "Copied" : "Selected: copy it with Ctrl-C";
  }
  say(at("copied").textContent);
}

if (!data.served) {
  at("download").addEventListener("click", () => {
    const held = { schema: data.schema, version: data.version, choices: Object.fromEntries(choices) };
    const file = new Blob([`${JSON.stringify(held, null, 1)}\n`], { type: "application/json" });
    const link = element("a");
    link.href = URL.createObjectURL(file);
    link.download = "choices.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
  at("open").addEventListener("change", async () => {
    const [file] = at("open").files;
    at("open").value = "";
    if (!file) return;
    try {
      const held = JSON.parse(await file.text());
      if (held.schema !== data.schema || held.version !== data.version) throw new Error();
      for (const [id, choice] of Object.entries(held.choices)) put(id, choice);
      store();
      count();
      list();
    } catch {
      tellSaved(`${file.name} holds no choices`, true);
    }
  });
}

window.addEventListener("beforeunload", (event) => {
  if (unsent.length) event.preventDefault();
});

new ResizeObserver(lay).observe(scroller);

offer();
if (data.served) tellSaved("Choices are saved as you make them");
restore();
count();
tellPlaying();
list();
go(0);
