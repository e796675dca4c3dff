"use strict";
// What a map is drawn of: elements with text, marks on a canvas, and the groups that share a colour.

const COLOURS = 6, SHAPES = 4;
const MISTAKE = "mistake on the holdout";

function element(tag, text, name) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (name) made.className = name;
  return made;
}

function glyph(pen, shape, x, y, r) {
  const corners = [null, [[-.9, -.9], [.9, -.9], [.9, .9], [-.9, .9]], [[0, -1.2], [1.1, .8], [-1.1, .8]],
    [[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]]][shape];
  pen.beginPath();
  if (corners) for (const [across, down] of corners) pen.lineTo(x + r * across, y + r * down);
  else pen.arc(x, y, r, 0, 2 * Math.PI);
  pen.closePath();
}

function stroke(pen, colour, width, lines) {
  pen.beginPath();
  for (const [x1, y1, x2, y2] of lines) { pen.moveTo(x1, y1); pen.lineTo(x2, y2); }
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.stroke();
}

function cross(pen, x, y, r, ink, ground) {
  const lines = [[x - r, y - r, x + r, y + r], [x + r, y - r, x - r, y + r]];
  stroke(pen, ground, 4, lines);
  stroke(pen, ink, 1.8, lines);
}

// Return the groups that share a colour: the group `of` each point; name, colour and shape of each group.
function groupsOf(data, by) {
  const isLane = by === "lane", named = isLane ? data.lanes.map((_, i) => i) : data.legend;
  const slot = new Map(named.map((value, g) => [value, g])), rest = named.length;
  const value = i => isLane ? data.lane[i] : data.gold[i] < 0 ? data.model[i] : data.gold[i];
  return {
    of: data.x.map((_, i) => slot.get(value(i)) ?? rest),
    names: [...named.map(place => (isLane ? data.lanes : data.labels)[place]), "other or no label"],
    colour: g => g === rest ? "--soft" : isLane ? `--${data.lanes[g]}` : `--label-${g % COLOURS}`,
    shape: g => g === rest ? 0 : (g + Math.floor(g / 12)) % SHAPES,
  };
}

// Return what is said of a point, its file first.
function linesOf(data, i) {
  const model = `model ${data.versions[data.version[i]]}: ${data.labels[data.model[i]]}`;
  return [
    data.file[i],
    data.gold[i] >= 0 && `gold: ${data.labels[data.gold[i]]}`,
    data.model[i] < 0 ? "no prediction" : `${model}, confidence ${data.confidence[i]} %`,
    `lane ${data.lanes[data.lane[i]]}`,
    data.mistakes.includes(i) && MISTAKE,
  ].filter(Boolean);
}
