// The keyboard: everything that can be decided has a key, and none works while something is typed.

import { button, byId, guarded, make } from "./dom.js";
import { decide, takeBack } from "./deciding.js";
import { backToOutings, chooseAll, focusAt, stepOuting } from "./list.js";
import { placeAtCross, startPlacing, stopPlacing } from "./map.js";
import { explainChosen } from "./panel.js";
import { choose, gather, page, step, stepChoosing } from "./state.js";

const KEYS = [
  ["j", "next photo, or next outing of the list", () => stepped(1)],
  ["k", "the one before", () => stepped(-1)],
  ["J", "next photo as well", () => stepped(1, stepChoosing)],
  ["K", "the one before as well", () => stepped(-1, stepChoosing)],
  ["x", "choose several: x keeps this photo; go on with j and k, and x again", gathered],
  ["a", "choose all of the list", guarded(chooseAll)],
  ["b", "back to the outings", guarded(backToOutings)],
  ["c", "confirm: it was taken inside the circle", guarded(() => decide("confirm"))],
  ["m", "move: click the place, or press Enter for the cross", startPlacing],
  ["r", "reject: it was not taken there", guarded(() => decide("reject"))],
  ["s", "set aside for later", guarded(() => decide("aside"))],
  ["o", "open again what was rejected or set aside", guarded(() => decide("reopen"))],
  ["u", "take the last decision back", guarded(takeBack)],
  ["w", "why is it placed there?", explainChosen],
  ["p", "to the bar of what waits", () => byId("pending").querySelector("button")?.focus()],
  ["?", "these keys", showHelp],
];

function stepped(by, how = step) {
  if (!page.photos.length) {
    stepOuting(by);
    return;
  }
  how(by);
  focusAt();
}

function gathered() {
  gather();
  focusAt();
}

export function prepareKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") {
      if (page.placing) stopPlacing();
      else choose([]);
      return;
    }
    if (event.key === "Enter" && page.placing) {
      event.preventDefault();
      placeAtCross();
      return;
    }
    if (event.target.closest("input, select, textarea")) return;
    const known = KEYS.find(([key]) => key === event.key);
    if (!known) return;
    event.preventDefault();
    known[2]();
  });
  byId("help-button").addEventListener("click", showHelp);
}

function showHelp() {
  const help = byId("help");
  const rows = [...KEYS, ["Enter", "while placing: set it under the cross"], ["Esc", "leave placing; choose nothing"]];
  help.replaceChildren(
    make("h2", { id: "help-title", text: "Keys" }),
    make("dl", {}, ...rows.flatMap(([key, words]) => [make("dt", {}, make("kbd", { text: key })), make("dd", { text: words })])),
    button("Close", () => help.close(), { class: "main" }),
  );
  help.showModal();
}
