"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const photos = read("photos"), lines = read("lines");
  const canvas = document.getElementById("map"), told = document.getElementById("told");
  const pen = canvas.getContext("2d");
  // Mercator: the world is a square of side 1
  const east = (lng) => (lng + 180) / 360;
  const south = (lat) => {
    const phi = Math.max(-85, Math.min(85, lat)) * Math.PI / 180;
    return 0.5 - Math.log(Math.tan(Math.PI / 4 + phi / 2)) / (2 * Math.PI);
  };
  const dots = photos.map((p) => [east(p[1]), south(p[0]), p]);
  const shapes = lines.map((l) => {
    const points = [];
    for (let n = 0; n < l.length; n += 2) points.push([east(l[n] / 10), south(l[n + 1] / 10)]);
    return points;
  });
  let x = 0.5, y = 0.4, scale = 0, chosen = null;

  function fit() {
    if (!dots.length) { scale = canvas.clientWidth; return; }
    const xs = dots.map((d) => d[0]), ys = dots.map((d) => d[1]);
    const low = (v) => v.reduce((a, b) => Math.min(a, b)), high = (v) => v.reduce((a, b) => Math.max(a, b));
    x = (low(xs) + high(xs)) / 2;
    y = (low(ys) + high(ys)) / 2;
    const wide = Math.max(high(xs) - low(xs), 1e-5), tall = Math.max(high(ys) - low(ys), 1e-5);
    scale = 0.85 * Math.min(canvas.clientWidth / wide, canvas.clientHeight / tall, 3e7);
  }

  function draw() {
    const ratio = window.devicePixelRatio || 1, w = canvas.clientWidth, h = canvas.clientHeight;
    canvas.width = w * ratio;
    canvas.height = h * ratio;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.lineWidth = 1;
    pen.strokeStyle = "#7b93a5";
    pen.beginPath();
    for (const shape of shapes) {
      let before = null;
      for (const [a, b] of shape) {
        const px = (a - x) * scale + w / 2, py = (b - y) * scale + h / 2;
        if (before === null || Math.abs(a - before) > 0.5) pen.moveTo(px, py);
        else pen.lineTo(px, py);
        before = a;
      }
    }
    pen.stroke();
    for (const dot of dots) if (dot !== chosen) mark(dot, "#c2410ccc", w, h);
    if (chosen) {
      const metres = 40075017 * Math.cos(chosen[2][0] * Math.PI / 180);
      pen.beginPath();
      pen.arc((chosen[0] - x) * scale + w / 2, (chosen[1] - y) * scale + h / 2,
        1000 * chosen[2][2] / metres * scale, 0, 7);
      pen.fillStyle = "#1d4ed833";
      pen.fill();
      mark(chosen, "#1d4ed8", w, h);
    }
  }

  function mark(dot, colour, w, h) {
    const px = (dot[0] - x) * scale + w / 2, py = (dot[1] - y) * scale + h / 2;
    if (px < -9 || py < -9 || px > w + 9 || py > h + 9) return;
    pen.beginPath();
    pen.arc(px, py, 4.5, 0, 7);
    pen.fillStyle = colour;
    pen.fill();
  }

  function choose(px, py) {
    const w = canvas.clientWidth, h = canvas.clientHeight;
    let least = 14 * 14, nearest = null;
    for (const dot of dots) {
      const away = ((dot[0] - x) * scale + w / 2 - px) ** 2 + ((dot[1] - y) * scale + h / 2 - py) ** 2;
      if (away < least) { least = away; nearest = dot; }
    }
    tell(nearest);
  }

  function tell(dot) {
    chosen = dot;
    told.textContent = "";
    if (dot) {
      const name = document.createElement("b");
      name.textContent = dot[2][3];
      told.append(name, [dot[2][4], dot[2][5], dot[2][6]].filter(Boolean).join(" · "));
    }
    draw();
  }

  function zoom(by, px, py) {
    const w = canvas.clientWidth, h = canvas.clientHeight;
    const next = Math.max(200, Math.min(1e9, scale * by));
    x += (px - w / 2) * (1 / scale - 1 / next);
    y += (py - h / 2) * (1 / scale - 1 / next);
    scale = next;
    draw();
  }

  let held = null, moved = false;
  canvas.addEventListener("pointerdown", (e) => {
    held = [e.clientX, e.clientY];
    moved = false;
    canvas.setPointerCapture(e.pointerId);
  });
  canvas.addEventListener("pointermove", (e) => {
    if (held) {
      if (Math.abs(e.clientX - held[0]) + Math.abs(e.clientY - held[1]) > 3) moved = true;
      x -= (e.clientX - held[0]) / scale;
      y -= (e.clientY - held[1]) / scale;
      held = [e.clientX, e.clientY];
      draw();
    }
  });
  canvas.addEventListener("pointerup", (e) => {
    held = null;
    if (!moved) choose(e.clientX, e.clientY);
  });
  canvas.addEventListener("wheel", (e) => {
    e.preventDefault();
    zoom(Math.exp(-e.deltaY / 400), e.clientX, e.clientY);
  }, { passive: false });
  canvas.addEventListener("keydown", (e) => {
    const w = canvas.clientWidth, h = canvas.clientHeight, step = 60 / scale;
    const next = (by) => tell(dots[((chosen ? dots.indexOf(chosen) : -1) + by + dots.length) % dots.length]);
    if (e.key === "+" || e.key === "=") zoom(1.5, w / 2, h / 2);
    else if (e.key === "-") zoom(1 / 1.5, w / 2, h / 2);
    else if (e.key === "ArrowLeft") x -= step;
    else if (e.key === "ArrowRight") x += step;
    else if (e.key === "ArrowUp") y -= step;
    else if (e.key === "ArrowDown") y += step;
    else if ((e.key === "n" || e.key === "p") && dots.length) next(e.key === "n" ? 1 : -1);
    else return;
    e.preventDefault();
    draw();
  });
  window.addEventListener("resize", draw);
  fit();
  draw();
})();
