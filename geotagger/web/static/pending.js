// The bar of what waits: what it is, write it, take it back; and the last run, to be undone.

import { button, byId, guarded, make } from "./dom.js";
import { discardAll, takeBack, undoRun, write } from "./deciding.js";
import { page } from "./state.js";
import { ACTIONS, counted } from "./words.js";

let busy = false;

export function showPending() {
  const bar = byId("pending");
  const pending = page.info?.pending ?? [];
  const run = page.info?.runs[0];
  bar.hidden = !pending.length && !run;
  const parts = [];
  if (pending.length) {
    const counts = {};
    for (const one of pending) counts[one.action] = (counts[one.action] ?? 0) + 1;
    const told = Object.entries(counts).map(([action, count]) => `${count} ${ACTIONS[action]}`).join(", ");
    const where = page.info.write === "none" ? "Write into the index" : "Write into the photos";
    parts.push(
      make("p", { text: `${counted(pending.length, "decision waits", "decisions wait")}: ${told}. Nothing is written yet.` }),
      button(busy ? "Writing …" : where, guarded(working(write)), { class: "main", disabled: busy, id: "write" }),
      button("Take back the last", guarded(takeBack), { "aria-keyshortcuts": "u" }),
      button("Discard all", guarded(discardAll)),
    );
  }
  if (run) {
    const what = run.written ? `${counted(run.written, "photo")} written` : "only the index changed";
    parts.push(
      make("p", { class: "run", text: `Run ${run.id} (${run.command}): ${what}.` }),
      button(`Undo run ${run.id} …`, () => askUndo(run), { disabled: busy, id: "undo-run", "aria-haspopup": "dialog" }),
    );
  }
  bar.replaceChildren(...parts);
}

// There is no way back from an undo but to decide, or to run `tag`, once more.
function askUndo(run) {
  const box = byId("sure");
  const does = run.written
    ? `${counted(run.written, "photo")} get back the bytes that they had before it, and the index what it said.`
    : "The index says again what it said before it; no photo was changed.";
  box.replaceChildren(
    make("h2", { id: "sure-title", text: `Undo run ${run.id} (${run.command})?` }),
    make("p", { text: `${does} It cannot be done again but by another run.` }),
    make(
      "div", { class: "actions" },
      button("Undo it", () => {
        box.close();
        guarded(working(() => undoRun(run.id)))();
      }, { class: "main", id: "sure-yes" }),
      button("Leave it", () => box.close()),
    ),
  );
  box.showModal();
}

function working(action) {
  return async () => {
    busy = true;
    showPending();
    try {
      await action();
    } finally {
      busy = false;
      showPending();
    }
  };
}
