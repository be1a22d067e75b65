"use strict";
// The one sound that plays.

let playing = -1;
// 0 for the clip itself, else which of its recordings.
let part = 0;
let frame = 0;

async function play(index, wanted = 0) {
  const before = playing;
  if (index !== playing || wanted !== part) {
    const clip = clips[index];
    const recording = clip.recordings[wanted - 1];
    // From the same place on, so that two can be compared.
    if (index === playing && !audio.ended) goOnAt(audio.currentTime);
    playing = index;
    part = wanted;
    audio.src = recording ? recording.sound : clip.sound;
    at("playing").textContent = recording ? `${recording.title}, in ${titleOf(clip)}` : titleOf(clip);
    at("seek").disabled = false;
  }
  if (before >= 0 && before !== index) {
    takeHead(before);
    dress(before);
  }
  try {
    await audio.play();
  } catch (error) {
    if (error.name === "AbortError") return;
    if (error.name === "NotAllowedError") say("Press Space to play.");
    else {
      at("playing").textContent = `${titleOf(clips[index])} cannot be played here`;
      say(at("playing").textContent);
    }
  }
}

function goOnAt(seconds) {
  audio.addEventListener("loadedmetadata", () => {
    if (audio.duration > 0) audio.currentTime = seconds % audio.duration;
  }, { once: true });
}

function toggle(index, wanted = 0) {
  if (playing === index && part === wanted && !audio.paused) audio.pause();
  else play(index, wanted);
}

function hear(wanted) {
  if (!listed.length) return;
  const recording = clips[listed[active]].recordings[wanted - 1];
  if (wanted === 0 || recording?.sound) play(listed[active], wanted);
  else if (recording) say("Its recordings are not here: nsynth-batch clips --parents writes them.");
}

function silence() {
  audio.pause();
  if (playing >= 0) audio.currentTime = 0;
}

function takeHead(index) {
  for (const head of feed.querySelectorAll(".head")) {
    if (Number(head.closest("article").dataset.index) === index) head.remove();
  }
}

function follow() {
  cancelAnimationFrame(frame);
  const length = audio.duration || (playing >= 0 ? clips[playing].seconds : 0);
  const played = length ? Math.min(1, audio.currentTime / length) : 0;
  if (document.activeElement !== at("seek") || !audio.paused) at("seek").value = played * 1000;
  const told = `${audio.currentTime.toFixed(1)} of ${length.toFixed(1)} s`;
  at("time").textContent = told;
  at("seek").setAttribute("aria-valuetext", told);
  const place = listed.indexOf(playing);
  const tile = tiles.get(place);
  if (tile) {
    const look = tile.querySelector(".look");
    let head = look.querySelector(".head");
    if (!head) {
      head = element("div", "head");
      look.append(head);
    }
    const along = width(clips[playing], audio.currentTime);
    head.style.transform = `translateX(${along * look.clientWidth}px)`;
  }
  if (!audio.paused) frame = requestAnimationFrame(follow);
}

function tellPlaying() {
  const on = !audio.paused;
  at("toggle").textContent = on ? "❚❚" : "▶";
  at("toggle").setAttribute("aria-label", on ? "Pause" : "Play");
  if (playing >= 0) dress(playing);
  follow();
}

for (const event of ["play", "pause", "ended", "seeked", "loadedmetadata"]) {
  audio.addEventListener(event, tellPlaying);
}
