// The pad as the browser shows it: strokes go to Python, probabilities come back.

const STYLE = `
.mnist-pad {
  --ink: var(--jp-ui-font-color0, var(--vscode-foreground, CanvasText));
  --paper: var(--jp-layout-color1, var(--vscode-editor-background, Canvas));
  --line: #808080; --bar: #80808080; /* on light and dark, in old browsers, too */
  display: flex; flex-wrap: wrap; gap: 20px; padding: 6px; color: var(--ink);
  font: 14px/1.3 var(--jp-ui-font-family, system-ui, sans-serif);
  -webkit-user-select: none; user-select: none; -webkit-touch-callout: none;
}
.mnist-pad svg {
  width: 280px; height: 280px; box-sizing: border-box; cursor: crosshair;
  background: var(--paper); border: 1px solid var(--line); border-radius: 4px;
  outline: none; touch-action: none;
}
.mnist-pad svg:focus-visible, .mnist-pad button:focus-visible {
  outline: 2px solid #0072b2; outline-offset: 2px;
}
.mnist-pad polyline {
  fill: none; stroke: var(--ink); stroke-linecap: round; stroke-linejoin: round;
}
.mnist-pad circle { fill: none; stroke: #d55e00; stroke-width: 2; visibility: hidden; }
.mnist-pad svg:focus-visible circle { visibility: visible; }
.mnist-pad circle.down { fill: #d55e00; }
.mnist-pad .answer {
  margin: 0 0 8px; font-size: 18px; -webkit-user-select: text; user-select: text;
}
.mnist-pad ol { list-style: none; margin: 0; padding: 0; }
.mnist-pad li {
  display: grid; grid-template-columns: 1em 150px 4em; gap: 8px; align-items: center;
}
.mnist-pad li > i {
  display: block; height: 12px; width: 0; background: var(--bar);
  forced-color-adjust: none; -webkit-print-color-adjust: exact; print-color-adjust: exact;
}
.mnist-pad li > span:last-child { text-align: right; white-space: nowrap; }
.mnist-pad li.best { font-weight: bold; }
.mnist-pad li.best > i { background: #0072b2; }
.mnist-pad button {
  margin: 10px 8px 0 0; padding: 4px 14px; color: var(--ink); background: var(--paper);
  border: 1px solid var(--line); border-radius: 4px; font: inherit; cursor: pointer;
}
.mnist-pad button:disabled { opacity: 0.45; cursor: default; }
.mnist-pad .heard {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
}`;

const PAGE = `
<style>${STYLE}</style>
<svg tabindex="0" role="application" aria-label="Drawing pad. Draw a digit with mouse,
  pen or finger. With keys: arrows move the pen, space puts it down or lifts it,
  backspace undoes, delete clears, escape leaves the pad.">
  <g></g><circle r="6"></circle>
</svg>
<div>
  <p class="answer"></p>
  <ol role="list" aria-label="Probability of each digit">${[...Array(10).keys()]
    .map((d) => `<li><span>${d}</span><i></i><span></span></li>`)
    .join("")}</ol>
  <button type="button" class="undo">Undo</button>
  <button type="button" class="clear">Clear</button>
  <span class="heard" role="status"></span>
</div>`;

function render({ model, el }) {
  const side = model.get("side");
  const pad = document.createElement("div");
  pad.className = "mnist-pad";
  pad.innerHTML = PAGE;
  el.append(pad);
  const [svg, ink, cursor] = ["svg", "g", "circle"].map((s) => pad.querySelector(s));
  const [answer, heard] = [".answer", ".heard"].map((s) => pad.querySelector(s));
  const buttons = pad.querySelectorAll("button");
  svg.setAttribute("viewBox", `0 0 ${side} ${side}`);
  ink.setAttribute("stroke-width", model.get("width"));

  // --- what is drawn -------------------------------------------------------

  const strokes = () => (model.get("untouched") ? [] : model.get("strokes"));

  let waiting;

  function put(changed) {
    model.set("untouched", false);
    model.set("strokes", changed);
    model.set("drawn", model.get("drawn") + 1);
    clearTimeout(waiting);
    waiting = setTimeout(showSilence, 3000);
    model.save_changes(); // the reader page answers at once
  }
  const begin = (point) => put([...strokes(), [point]]);
  const extend = (points) =>
    put([...strokes().slice(0, -1), [...strokes().slice(-1).flat(), ...points]]);

  function drawStrokes() {
    ink.replaceChildren(
      ...model.get("strokes").map((stroke) => {
        const line = document.createElementNS(svg.namespaceURI, "polyline");
        // A single point becomes a dot, as a line to itself.
        line.setAttribute("points", [...stroke, ...stroke.slice(-1)].join(" "));
        return line;
      }),
    );
    const empty = model.get("strokes").length === 0;
    // A disabled button loses the focus, and the next key would reach the notebook.
    if (empty && pad.contains(document.activeElement)) svg.focus();
    buttons.forEach((button) => (button.disabled = empty));
  }

  // --- mouse, pen and finger -----------------------------------------------

  let pointer = null;

  function at(event) {
    const box = svg.getBoundingClientRect();
    const scale = side / box.width;
    // A pen may leave the pad, which cuts its stroke off, and come back.
    const rounded = (pixels) => Math.round(10 * pixels * scale) / 10;
    return [rounded(event.clientX - box.left), rounded(event.clientY - box.top)];
  }
  svg.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button !== 0) return;
    pointer = event.pointerId;
    svg.setPointerCapture(pointer);
    penDown(false);
    begin(at(event));
  });
  svg.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const moves = event.getCoalescedEvents?.() ?? [];
    extend((moves.length ? moves : [event]).map(at));
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    svg.addEventListener(end, (event) => {
      if (event.pointerId !== pointer) return;
      pointer = null;
      // The system takes a palm's touch back, and so its stroke.
      if (event.type === "pointercancel") undo();
    });
  }

  // --- keys ------------------------------------------------------------------

  const STEPS = {
    ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8],
  };
  let pen = [side / 2, side / 4];
  let isDown = false;

  function penDown(down) {
    isDown = down;
    cursor.classList.toggle("down", down);
    cursor.setAttribute("cx", pen[0]);
    cursor.setAttribute("cy", pen[1]);
  }
  function keep(count) {
    pointer = null;
    penDown(false);
    put(strokes().slice(0, count));
    // Safari gives a clicked button no focus, and the next key is the notebook's.
    if (!pad.contains(document.activeElement)) svg.focus({ preventScroll: true });
  }
  const undo = () => keep(-1);
  const clear = () => keep(0);

  svg.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in STEPS) {
      const moved = (value, i) => value + STEPS[event.key][i];
      pen = pen.map((value, i) => Math.min(Math.max(moved(value, i), 0), side));
      if (isDown) extend([pen]);
      penDown(isDown);
    } else if (event.key === " ") {
      if (!isDown) begin(pen);
      penDown(!isDown);
      heard.textContent = isDown ? "Pen down" : "Pen up";
    } else if (event.key === "Backspace" || event.key === "Delete") {
      event.key === "Delete" ? clear() : undo();
    } else {
      return;
    }
    event.preventDefault();
  });
  // What is typed on the pad must not reach the notebook, whose keys delete cells.
  pad.addEventListener("keydown", (event) => {
    const held = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    if (held && key === "s") return; // saving
    if (key === "escape") return document.activeElement.blur(); // the way out
    event.stopPropagation();
    if (held && key === "z" && !event.shiftKey) {
      event.preventDefault();
      undo();
    }
  });
  pad.querySelector(".undo").addEventListener("click", undo);
  pad.querySelector(".clear").addEventListener("click", clear);

  // --- what the network says -------------------------------------------------

  let quiet;

  function say(words, p, best) {
    pad.querySelectorAll("li").forEach((row, digit) => {
      const percent = p.length ? `${Math.round(100 * p[digit])} %` : "";
      row.classList.toggle("best", digit === best);
      row.children[1].style.width = p.length ? `${100 * p[digit]}%` : 0;
      row.children[2].textContent = percent;
    });
    answer.textContent = words;
    clearTimeout(quiet); // read aloud once the pen rests
    quiet = setTimeout(() => (heard.textContent = words), 700);
  }
  function showAnswer() {
    clearTimeout(waiting);
    const p = model.get("probabilities");
    const best = p.findIndex((share) => share === Math.max(...p));
    if (p.length === 0) say(model.get("problem") || "Draw a digit.", p);
    else if (p[best] < model.get("threshold")) say("No digit that I know.", p);
    else say(`The network reads a ${best}.`, p, best);
  }
  const showSilence = () =>
    say("No answer. If the kernel was restarted, run the cell again.", []);

  model.on("change:strokes", drawStrokes);
  model.on("change:answered", showAnswer);
  // Of strokes that Python has set.
  model.on("change:probabilities", showAnswer);
  model.on("change:problem", showAnswer);
  penDown(false);
  drawStrokes();
  showAnswer();
  return () => {
    clearTimeout(quiet);
    clearTimeout(waiting);
    model.off("change:strokes", drawStrokes);
    model.off("change:answered", showAnswer);
    model.off("change:probabilities", showAnswer);
    model.off("change:problem", showAnswer);
  };
}

export default { render };
