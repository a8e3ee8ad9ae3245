// The owner's own map: raster tiles as pictures. Vector tiles are drawn by vector.js.

import { VectorLayer } from "./vector.js";
import { page } from "./state.js";

const L = window.L;

export async function addTiles(map, head, mostZoom) {
  page.attribution = head.attribution;
  const options = { minNativeZoom: head.min_zoom, maxNativeZoom: head.max_zoom, maxZoom: mostZoom };
  if (head.kind === "vector") map.addLayer(new VectorLayer(options));
  else map.addLayer(L.tileLayer("tiles/{z}/{x}/{y}", options));
}
