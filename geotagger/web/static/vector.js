// Vector tiles (Mapbox Vector Tile 2.1) drawn on a canvas: what land, water, roads and names need, no more. Names of
// layers are those of Protomaps, OpenMapTiles and Shortbread.

const L = window.L;
const SIZE = 256;

class Bytes {
  constructor(view, from = 0, to = view.byteLength) {
    Object.assign(this, { view, at: from, to });
  }

  number() {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.view.getUint8(this.at++);
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
  }

  // Each field: its number, and its value as a number or as bytes of their own.
  *fields() {
    while (this.at < this.to) {
      const key = this.number();
      const [field, wire] = [Math.floor(key / 8), key % 8];
      if (wire === 0) yield [field, this.number()];
      else if (wire === 2) {
        const size = this.number();
        if (this.at + size > this.to) return;
        yield [field, new Bytes(this.view, this.at, this.at + size)];
        this.at += size;
      } else if (wire === 5) this.at += 4;
      else if (wire === 1) this.at += 8;
      else return;
    }
  }

  numbers() {
    const list = [];
    while (this.at < this.to) list.push(this.number());
    return list;
  }

  text() {
    return new TextDecoder().decode(new Uint8Array(this.view.buffer, this.view.byteOffset + this.at, this.to - this.at));
  }
}

function layersOf(buffer) {
  const layers = [];
  for (const [field, value] of new Bytes(new DataView(buffer)).fields()) {
    if (field !== 3) continue;
    const layer = { name: "", extent: 4096, features: [], keys: [], values: [] };
    for (const [part, told] of value.fields()) {
      if (part === 1) layer.name = told.text();
      else if (part === 2) layer.features.push(featureOf(told));
      else if (part === 3) layer.keys.push(told.text());
      else if (part === 4) layer.values.push(valueOf(told));
      else if (part === 5) layer.extent = told;
    }
    layers.push(layer);
  }
  return layers;
}

function featureOf(bytes) {
  const feature = { kind: 0, tags: [], commands: [] };
  for (const [field, value] of bytes.fields()) {
    if (field === 2) feature.tags = value.numbers();
    else if (field === 3) feature.kind = value;
    else if (field === 4) feature.commands = value.numbers();
  }
  return feature;
}

function valueOf(bytes) {
  for (const [field, value] of bytes.fields()) return field === 1 ? value.text() : typeof value === "number" ? value : null;
  return null;
}

function said(layer, feature, ...names) {
  for (const name of names) {
    for (let n = 0; n + 1 < feature.tags.length; n += 2) {
      if (layer.keys[feature.tags[n]] === name) return layer.values[feature.tags[n + 1]];
    }
  }
  return null;
}

function path(context, feature, scale) {
  const zigzag = (value) => (value % 2 ? -(value + 1) / 2 : value / 2);
  let [x, y, first] = [0, 0, null];
  context.beginPath();
  for (let n = 0; n < feature.commands.length; ) {
    const command = feature.commands[n++];
    const [what, times] = [command & 7, command >> 3];
    for (let k = 0; k < times; k++) {
      if (what === 7) {
        context.closePath();
        continue;
      }
      x += zigzag(feature.commands[n++] ?? 0);
      y += zigzag(feature.commands[n++] ?? 0);
      first ??= [x * scale, y * scale];
      if (what === 1) context.moveTo(x * scale, y * scale);
      else context.lineTo(x * scale, y * scale);
    }
  }
  return first;
}

const FILLED = [
  [/^(earth|land)$/, "land"], [/^(landcover|landuse|park|sites)/, "green"], [/^(water|ocean|water_polygons)$/, "water"],
  [/^building/, "building"],
];
const LINES = [
  [/^(roads|transportation|streets)$/, "road", 1.2], [/^(boundaries|boundary)$/, "border", 1], [/^(waterway|water_lines)$/, "water", 1],
];
const NAMED = /^(places|place|place_labels)$/;

function paint(context, layers, ink) {
  context.fillStyle = layers.some((one) => /^(earth|land)$/.test(one.name)) ? ink("water") : ink("land");
  context.fillRect(0, 0, SIZE, SIZE);
  for (const [names, name] of FILLED) {
    for (const layer of layers.filter((one) => names.test(one.name))) {
      context.fillStyle = ink(name);
      for (const feature of layer.features) {
        if (feature.kind !== 3) continue;
        path(context, feature, SIZE / layer.extent);
        context.fill("evenodd");
      }
    }
  }
  for (const [names, name, width] of LINES) {
    for (const layer of layers.filter((one) => names.test(one.name))) {
      context.strokeStyle = ink(name);
      context.lineWidth = width;
      for (const feature of layer.features) {
        if (feature.kind !== 2) continue;
        path(context, feature, SIZE / layer.extent);
        context.stroke();
      }
    }
  }
  context.font = "12px system-ui, sans-serif";
  context.fillStyle = ink("ink");
  for (const layer of layers.filter((one) => NAMED.test(one.name))) {
    for (const feature of layer.features.slice(0, 12)) {
      const words = said(layer, feature, "name:en", "name_en", "name");
      if (feature.kind !== 1 || typeof words !== "string") continue;
      const [x, y] = path(context, feature, SIZE / layer.extent) ?? [-1, -1];
      const width = context.measureText(words).width;
      if (x >= 0 && y >= 12 && y <= SIZE - 4 && x + width <= SIZE) context.fillText(words, x, y);
    }
  }
}

export const VectorLayer = L.GridLayer.extend({
  createTile({ x, y, z }, done) {
    const tile = L.DomUtil.create("canvas", "leaflet-tile");
    const sharp = window.devicePixelRatio || 1;
    tile.width = tile.height = SIZE * sharp;
    const style = getComputedStyle(document.documentElement);
    fetch(`tiles/${z}/${x}/${y}`, { credentials: "omit" })
      .then(async (answer) => {
        const buffer = answer.ok && answer.status !== 204 ? await answer.arrayBuffer() : new ArrayBuffer(0);
        const context = tile.getContext("2d");
        context.scale(sharp, sharp);
        paint(context, layersOf(buffer), (name) => style.getPropertyValue(`--${name}`).trim());
        done(null, tile);
      })
      .catch((error) => done(error, tile)); // a damaged tile stays empty
    return tile;
  },
});
