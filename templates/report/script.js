(function () {
  "use strict";
  // On paper nothing can be opened.
  addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (it) { it.open = true; });
  });
  document.querySelectorAll("[data-zoom]").forEach(function (canvas) {
    var svg = canvas.querySelector("svg");
    if (!svg) { return; }
    var box = svg.viewBox.baseVal, scale = svg.getBoundingClientRect().width / box.width;
    var tools = document.createElement("div");
    tools.className = "tools";
    function show() {
      svg.style.width = svg.style.minWidth = svg.style.maxWidth = Math.round(box.width * scale) + "px";
    }
    function button(text, act) {
      var it = document.createElement("button");
      it.type = "button";
      it.textContent = text;
      it.addEventListener("click", function () { act(); show(); });
      tools.appendChild(it);
    }
    button("Larger", function () { scale = Math.min(4, scale * 1.25); });
    button("Smaller", function () { scale = Math.max(0.1, scale / 1.25); });
    button("Whole picture", function () { scale = Math.min(1, (canvas.clientWidth - 2) / box.width); });
    button("Real size", function () { scale = 1; });
    var search = document.createElement("input");
    search.type = "search";
    search.placeholder = "Find an entity";
    search.setAttribute("aria-label", "Find an entity in the diagram");
    search.addEventListener("input", function () {
      var wanted = search.value.trim().toLowerCase(), first = null;
      svg.querySelectorAll(".entity").forEach(function (it) {
        var hit = wanted !== "" && it.dataset.name.indexOf(wanted) >= 0;
        it.classList.toggle("found", hit);
        it.classList.toggle("missed", wanted !== "" && !hit);
        if (hit && !first) { first = it; }
      });
      if (first) {
        var at = first.getBoundingClientRect(), own = canvas.getBoundingClientRect();
        canvas.scrollLeft += at.left - own.left - own.width / 2 + at.width / 2;
        canvas.scrollTop += at.top - own.top - own.height / 2 + at.height / 2;
      }
    });
    tools.appendChild(search);
    canvas.parentNode.insertBefore(tools, canvas);
  });
}());
