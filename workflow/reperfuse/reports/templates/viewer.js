"use strict";
// The interactive viewer: slices of the maps, tissue beyond a threshold with its volume, and the values at a point.
// All it shows lies in the page (reports/viewer.py says how it is packed). The point is kept as where it lies in the
// head, mm, so that it stays the same when another map or session is chosen.

const part = (name) => document.getElementById(`viewer-${name}`);
const data = JSON.parse(part("data").textContent);
const image = part("image");
// what is shown: sessions and maps are those of the data; sweeps and regions are remembered by their names
const view = { session: null, grid: null, map: null, sweep: null, point: [0, 0, 0], aligned: null };
const chosen = { limits: {}, windows: {}, hidden: new Set(), noSweep: false };

// --- numbers

const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

// whole numbers, byte by byte from the lowest
async function unpack(text, count) {
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const codes = new Uint32Array(count);
  for (let place = 0; place * count < bytes.length; place += 1) {
    for (let i = 0; i < count; i += 1) codes[i] |= bytes[place * count + i] << (8 * place);
  }
  return codes;
}

async function unpackSession(session) {
  for (const grid of session.grids) {
    const count = grid.shape.reduce((one, other) => one * other);
    const packed = [...grid.maps, ...grid.sweeps, ...(grid.regions ? [grid.regions] : [])];
    const open = async (one) => { one.codes ??= await unpack(one.data, count); };
    await Promise.all(packed.filter((one) => one.data).map(open));
    // a map that is a multiple of another has its numbers
    for (const map of grid.maps) map.codes ??= grid.maps.find((one) => one.name === map.like).codes;
  }
}

const move = (matrix, [x, y, z]) => matrix.map(([a, b, c, d]) => a * x + b * y + c * z + d);

// the voxel (slice, row, column) of a grid where the point lies
const voxelAt = (grid) => move(grid.fromHead, view.point).map(Math.round);

const isInside = (grid, voxel) => voxel.every((place, axis) => place >= 0 && place < grid.shape[axis]);
const indexOf = (grid, [slice, row, column]) => (slice * grid.shape[1] + row) * grid.shape[2] + column;
const clamp = (value, most) => Math.min(Math.max(value, 0), most);
const sliceShown = () => clamp(voxelAt(view.grid)[0], view.grid.shape[0] - 1);

const valueOf = (map, code) => (code === 0 ? NaN : map.offset + map.step * (code - 1));
const limitOf = (sweep) => chosen.limits[sweep.name] ?? sweep.own;

// a window in a unit is that of all sessions; one of an image without a unit is its own
const windowKey = () => (view.map.unit ? view.map.name : `${view.session.label} ${view.map.name}`);
const windowOf = () => chosen.windows[windowKey()] ?? view.map.window;

function rounded(value, place) {
  const digits = Math.max(0, -Math.round(Math.log10(place)));
  return (Math.round(value / place) * place).toFixed(digits).replace("-", "−");
}

// as the tables write it: halfway between two digits, the even one
const inMl = (ml) => ((ml * 4) % 4 === 1 ? ml - 0.05 : ml).toFixed(1);

// the volume of all slices, mL, and how the threshold is said
function measured(sweep) {
  const bit = limitOf(sweep);
  let count = 0;
  for (const code of sweep.codes) count += (code >>> bit) & 1;
  const threshold = sweep.says.replace("{}", sweep.thresholds[bit]);
  return `${threshold}: ${inMl((count * view.grid.voxelMm3) / 1000)} mL`;
}

// --- the image

const colours = Object.fromEntries(Object.entries(data.colours).map(([name, text]) => [name, bytesOf(text)]));
const rgbOf = (hex) => [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));

// the slice as pixels: the map in its colours, black where it has no value, and the tissue beyond the threshold
function pixels(slice) {
  const { grid, map, sweep } = view;
  const [, rows, columns] = grid.shape;
  const painted = new ImageData(columns, rows);
  const [low, high] = windowOf();
  const table = colours[map.colours];
  const opacity = part("opacity").valueAsNumber / 100;
  const tint = sweep ? rgbOf(sweep.colour) : null;
  const first = slice * rows * columns;
  for (let i = 0; i < rows * columns; i += 1) {
    const value = valueOf(map, map.codes[first + i]);
    const place = clamp(Math.round((255 * (value - low)) / (high - low)), 255);
    const isBeyond = sweep && (sweep.codes[first + i] >>> limitOf(sweep)) & 1;
    for (let channel = 0; channel < 3; channel += 1) {
      const colour = Number.isNaN(value) ? 0 : table[3 * place + channel];
      painted.data[4 * i + channel] = isBeyond ? colour + opacity * (tint[channel] - colour) : colour;
    }
    painted.data[4 * i + 3] = 255;
  }
  return painted;
}

// the border of a region along the edges of its voxels
function outline(slice, bit) {
  const [, rows, columns] = view.grid.shape;
  const codes = view.grid.regions.codes;
  const isWithin = (row, column) => row >= 0 && row < rows && column >= 0 && column < columns;
  const bitAt = (row, column) => (codes[indexOf(view.grid, [slice, row, column])] >>> bit) & 1;
  const holds = (row, column) => isWithin(row, column) && bitAt(row, column) === 1;
  const edges = [];
  for (let row = 0; row <= rows; row += 1) {
    for (let column = 0; column <= columns; column += 1) {
      if (holds(row, column) !== holds(row - 1, column)) edges.push([column, row, column + 1, row]);
      if (holds(row, column) !== holds(row, column - 1)) edges.push([column, row, column, row + 1]);
    }
  }
  return edges;
}

function strokeEdges(brush, edges, [wide, tall], colour) {
  const path = new Path2D();
  for (const [x, y, nextX, nextY] of edges) {
    path.moveTo(x * wide, y * tall);
    path.lineTo(nextX * wide, nextY * tall);
  }
  for (const [style, width] of [["rgb(0 0 0 / .75)", 4], [colour, 2]]) {
    brush.strokeStyle = style;
    brush.lineWidth = width * devicePixelRatio;
    brush.stroke(path);
  }
}

function strokeCross(brush, [wide, tall], [, row, column]) {
  const [x, y, gap] = [(column + 0.5) * wide, (row + 0.5) * tall, 10 * devicePixelRatio];
  const across = [[0, y, x - gap, y], [x + gap, y, image.width, y]];
  const down = [[x, 0, x, y - gap], [x, y + gap, x, image.height]];
  strokeEdges(brush, [...across, ...down], [1, 1], "#7fe3ff");
}

function draw() {
  const { grid } = view;
  const [, rows, columns] = grid.shape;
  const [, tall, wide] = grid.spacing;
  image.style.aspectRatio = `${columns * wide} / ${rows * tall}`;
  image.width = Math.round(image.clientWidth * devicePixelRatio);
  image.height = Math.round((image.width * rows * tall) / (columns * wide));
  const brush = image.getContext("2d");
  const slice = sliceShown();
  const size = [image.width / columns, image.height / rows];
  const sheet = new OffscreenCanvas(columns, rows);
  sheet.getContext("2d").putImageData(pixels(slice), 0, 0);
  brush.imageSmoothingEnabled = false;
  brush.drawImage(sheet, 0, 0, image.width, image.height);
  for (const [bit, region] of (grid.regions?.named ?? []).entries()) {
    if (!chosen.hidden.has(region.title)) strokeEdges(brush, outline(slice, bit), size, region.colour);
  }
  if (isInside(grid, voxelAt(grid))) strokeCross(brush, size, voxelAt(grid));
  brush.font = `600 ${15 * devicePixelRatio}px system-ui, sans-serif`;
  brush.textBaseline = "top";
  brush.fillStyle = "#f0f3f6";
  const margin = 8 * devicePixelRatio;
  brush.fillText("R", margin, margin);
  brush.fillText("L", image.width - margin - brush.measureText("L").width, margin);
}

// --- the words beside it: an element with its properties and what it holds
function element(tag, properties, ...parts) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...parts);
  return made;
}

function tellPoint() {
  const rows = [];
  for (const grid of view.session.grids.filter((one) => one.aligned === view.aligned)) {
    const voxel = voxelAt(grid);
    for (const map of grid.maps.filter((one) => one.unit)) {
      const value = isInside(grid, voxel) ? valueOf(map, map.codes[indexOf(grid, voxel)]) : NaN;
      const text = Number.isNaN(value) ? "no value" : `${rounded(value, map.shown)} ${map.unit}`;
      rows.push(element("div", {}, element("dt", {}, map.title), element("dd", {}, text)));
    }
  }
  part("values").replaceChildren(...rows);
  part("there").hidden = !rows.length;
}

function tell() {
  const { grid, map, sweep } = view;
  const slice = sliceShown();
  const height = `slice ${slice + 1} of ${grid.shape[0]}, z ${rounded(grid.heights[slice], 1)} mm`;
  Object.assign(part("slice"), { max: grid.shape[0], value: slice + 1, ariaValueText: height });
  part("height").textContent = height;
  image.setAttribute("aria-label", `${map.title}, ${view.session.label}, ${height}; R is on the left`);
  const [low, high] = windowOf();
  part("low").value = Number(low.toPrecision(6));
  part("high").value = Number(high.toPrecision(6));
  part("unit").textContent = map.unit;
  const table = colours[map.colours];
  const stops = [...Array(18).keys()].map((stop) => `rgb(${table.slice(45 * stop, 45 * stop + 3).join(" ")})`);
  part("bar").style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  const volume = sweep ? measured(sweep) : "";
  part("volume").textContent = volume;
  if (sweep) Object.assign(part("limit"), { value: limitOf(sweep), ariaValueText: volume });
  for (const mark of part("marks").children) mark.ariaPressed = String(Number(mark.value) === limitOf(sweep));
  tellPoint();
}

function show() {
  draw();
  tell();
}

// --- what a reader can choose

function chooseSweep(sweep) {
  view.sweep = sweep;
  part("limits").hidden = !sweep;
  part("sweep").value = sweep ? sweep.name : "";
  const marks = sweep ? sweep.marks : [];
  if (sweep) part("limit").max = sweep.thresholds.length - 1;
  part("ticks").replaceChildren(...marks.map((mark) => new Option("", mark)));
  part("marks").replaceChildren(...marks.map((mark) => {
    const threshold = sweep.thresholds[mark];
    return element("button", { type: "button", value: mark, ariaLabel: `${threshold} ${sweep.unit}` }, threshold);
  }), sweep ? sweep.unit : "");
}

function chooseGrid(grid) {
  let note = "";
  if (grid.aligned !== view.aligned) {
    if (view.grid) note = "This scan is not aligned with the one shown before, so the point is a new one.";
    view.aligned = grid.aligned;
    view.point = move(grid.toHead, grid.start);
  }
  view.grid = grid;
  if (!isInside(grid, voxelAt(grid))) note = "The point lies outside this scan.";
  part("note").textContent = note;
  const sweeps = grid.sweeps.map((sweep) => new Option(sweep.says.replace("{}", "…"), sweep.name));
  part("sweep").replaceChildren(new Option("none", ""), ...sweeps);
  part("regions").replaceChildren(...(grid.regions?.named ?? []).map(({ title, colour }) => {
    const swatch = element("span", {});
    swatch.style.background = colour;
    const box = element("input", { type: "checkbox", value: title, checked: !chosen.hidden.has(title) });
    return element("label", {}, box, swatch, title);
  }));
  part("outlines").hidden = !grid.regions;
  part("beyond").hidden = !grid.sweeps.length;
}

// another map: its own threshold where it has one, else the one before, else the first there is on its grid; none
// where the reader wants none
function chooseMap(grid, map) {
  if (grid !== view.grid) chooseGrid(grid);
  view.map = map;
  const named = (name) => grid.sweeps.find((sweep) => sweep.name === name);
  const sweep = named(map.name) ?? named(view.sweep?.name) ?? grid.sweeps[0] ?? null;
  chooseSweep(chosen.noSweep ? null : sweep);
  part("map").value = `${view.session.grids.indexOf(grid)} ${grid.maps.indexOf(map)}`;
  show();
}

async function chooseSession(session) {
  await unpackSession(session);
  if (part("session").value !== session.label) return; // another was chosen meanwhile
  view.session = session;
  part("map").replaceChildren(...session.grids.map((grid, place) => {
    const maps = grid.maps.map((map, number) => new Option(map.title, `${place} ${number}`));
    return element("optgroup", { label: grid.title }, ...maps);
  }));
  const maps = session.grids.flatMap((grid) => grid.maps.map((map) => [grid, map]));
  const wanted = [view.map?.name, "tmax", "adc"].map((name) => maps.find(([, map]) => map.name === name));
  chooseMap(...(wanted.find(Boolean) ?? maps[0]));
}

// moves the point by so many slices, rows and columns, within the image
function step(...by) {
  const { grid } = view;
  const voxel = move(grid.fromHead, view.point).map((place, axis) => {
    const most = grid.shape[axis] - 1;
    return by[axis] ? clamp(Math.round(clamp(place, most)) + by[axis], most) : clamp(place, most);
  });
  view.point = move(grid.toHead, voxel);
  show();
}

function pointAt({ offsetX, offsetY }) {
  const [, rows, columns] = view.grid.shape;
  const row = Math.floor((rows * offsetY) / image.clientHeight);
  const column = Math.floor((columns * offsetX) / image.clientWidth);
  view.point = move(view.grid.toHead, [sliceShown(), clamp(row, rows - 1), clamp(column, columns - 1)]);
  part("note").textContent = "";
  show();
}

const KEYS = {
  ArrowUp: [1, 0, 0], ArrowDown: [-1, 0, 0], PageUp: [1, 0, 0], PageDown: [-1, 0, 0],
  Home: [-Infinity, 0, 0], End: [Infinity, 0, 0], "shift ArrowUp": [0, -1, 0], "shift ArrowDown": [0, 1, 0],
  "shift ArrowLeft": [0, 0, -1], "shift ArrowRight": [0, 0, 1],
};

const on = (name, kind, act, options) => part(name).addEventListener(kind, act, options);

function listenToImage() {
  on("image", "keydown", (event) => {
    const by = KEYS[`${event.shiftKey ? "shift " : ""}${event.key}`];
    if (!by || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    step(...by);
  });
  // a page is scrolled past an image that was not chosen
  on("image", "wheel", (event) => {
    if (document.activeElement !== image) return;
    event.preventDefault();
    step(-Math.sign(event.deltaY), 0, 0);
  }, { passive: false });
  on("image", "pointerdown", pointAt);
  on("image", "pointermove", (event) => { if (event.buttons) pointAt(event); });
  new ResizeObserver(draw).observe(part("frame"));
}

function listenToControls() {
  const sessionNamed = (label) => data.sessions.find((one) => one.label === label);
  on("session", "change", () => chooseSession(sessionNamed(part("session").value)).catch(fail));
  on("map", "change", () => {
    const [place, number] = part("map").value.split(" ");
    const grid = view.session.grids[place];
    chooseMap(grid, grid.maps[number]);
  });
  on("slice", "input", () => step(part("slice").valueAsNumber - 1 - sliceShown(), 0, 0));
  on("sweep", "change", () => {
    chosen.noSweep = part("sweep").value === "";
    chooseSweep(view.grid.sweeps.find((sweep) => sweep.name === part("sweep").value) ?? null);
    show();
  });
  const setLimit = (event) => {
    if (!event.target.value) return; // between two buttons
    chosen.limits[view.sweep.name] = Number(event.target.value);
    show();
  };
  on("limit", "input", setLimit);
  on("marks", "click", setLimit);
  on("opacity", "input", draw);
  on("regions", "change", ({ target }) => {
    chosen.hidden[target.checked ? "delete" : "add"](target.value);
    draw();
  });
  const setWindow = () => {
    const [low, high] = [part("low").valueAsNumber, part("high").valueAsNumber];
    if (low < high) chosen.windows[windowKey()] = [low, high];
    show();
  };
  on("low", "change", setWindow);
  on("high", "change", setWindow);
  on("reset", "click", () => {
    chosen.windows[windowKey()] = view.map.window;
    show();
  });
  on("body", "submit", (event) => event.preventDefault());
}

function fail(error) {
  part("body").hidden = true;
  part("fault").hidden = false;
  const why = "DecompressionStream" in window ? error.message : "a browser of 2023 or later can";
  part("fault").textContent = `This browser cannot show the viewer (${why}); the figures below show the same maps.`;
}

async function start() {
  const sessions = data.sessions.map(({ label, role }) => new Option(role ? `${label}, ${role}` : label, label));
  part("session").replaceChildren(...sessions);
  part("body").hidden = false;
  await chooseSession(data.sessions[0]);
  listenToImage();
  listenToControls();
}

start().catch(fail);
