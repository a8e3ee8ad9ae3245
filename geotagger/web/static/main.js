// Joins the parts of the page: who is told when what changes.

import { byId, guarded } from "./dom.js";
import { refresh } from "./deciding.js";
import { prepareKeys } from "./keys.js";
import { again, markCards, prepareTabs, showTab } from "./list.js";
import { drawHand, drawTracks, keepInView, look, resized, showHand, startMap } from "./map.js";
import { forgetShown, showPanel } from "./panel.js";
import { showPending } from "./pending.js";
import { page, watch } from "./state.js";
import { markTimeline, showTimeline } from "./timeline.js";
import { counted } from "./words.js";

function showCounts() {
  const info = page.info;
  const away = info.archives.filter((one) => !one.is_there).map((one) => one.path);
  const parts = [
    counted(info.photos, "photo"), `${info.open.toLocaleString("en")} wait for a look`,
    `${info.without_place.toLocaleString("en")} without a place`,
    ...(away.length ? [`not there now: ${away.join(", ")}`] : []),
  ];
  byId("counts").textContent = parts.join(" · ");
  byId("tab-tray").textContent = `Without a place (${info.without_place.toLocaleString("en")})`;
  const sample = byId("tab-sample");
  sample.hidden = !info.sample.drawn;
  sample.textContent = `Sample (${info.sample.judged} of ${info.sample.drawn})`;
}

const tell = {
  info: () => showCounts(),
  opened: () => {
    forgetShown();
    drawTracks();
    showTimeline();
    showHand();
    drawHand();
    markCards();
    return showPanel();
  },
  chosen: () => {
    drawHand();
    keepInView();
    markCards();
    markTimeline();
    return showPanel();
  },
  pending: () => {
    showPending();
    drawHand();
    markCards();
    return showPanel();
  },
  stale: async () => {
    forgetShown();
    await again();
    await look();
  },
};

watch(guarded((what) => tell[what]?.()));

async function start() {
  prepareTabs();
  prepareKeys();
  await refresh();
  const land = await startMap();
  await Promise.all([land(), showTab(page.info.sample.drawn > page.info.sample.judged ? "sample" : "outings")]);
  byId("only-open").addEventListener("change", guarded(look));
  // another tab, or a run in a terminal, may have changed things meanwhile
  document.addEventListener("visibilitychange", guarded(async () => {
    if (document.visibilityState === "visible") {
      await refresh();
      await tell.stale();
    }
  }));
  new ResizeObserver(resized).observe(byId("map"));
  document.body.dataset.ready = "yes";
}

guarded(start)();
