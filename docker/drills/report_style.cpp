#include "docker/drills/report_style.h"

namespace tagma::drills {
namespace {

// The colours are told apart by those who see red and green alike (blue, vermilion, bluish green, amber), and what they
// say is said by shape or word as well.
constexpr std::string_view colours = R"css(
:root {
  color-scheme: light dark;
  --ground: #f3f5f8; --card: #fff; --ink: #18212c; --soft: #55616f; --line: #d8dee6; --grid: #e7ebf0;
  --passed: #00705a; --passed-ground: #e0f2ed; --failed: #b3400a; --failed-ground: #fdebe1;
  --skipped: #5c6672; --skipped-ground: #e9ecf0;
  --data: #0072b2; --area: #a3cfec; --reach: #d9ebf7; --tail: #a8448a; --longest: #8793a1;
  --fault: #c2410c; --heal: #00806a; --on-mark: #fff; --alive: #a9bacb; --mute: #b87900; --pause: #eceff3;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ground: #0e131a; --card: #171f29; --ink: #e7ecf2; --soft: #9ba8b7; --line: #2d3946; --grid: #26313d;
    --passed: #4ccfae; --passed-ground: #12322b; --failed: #ff8f57; --failed-ground: #3b2115;
    --skipped: #a5b0bc; --skipped-ground: #29333e;
    --data: #56b4e9; --area: #27587a; --reach: #1b384e; --tail: #e59ccb; --longest: #7e8b9a;
    --fault: #ff8f57; --heal: #43cfa8; --on-mark: #10161d; --alive: #56687b; --mute: #f0b643; --pause: #222c37;
  }
}
)css";

constexpr std::string_view page = R"css(
* { box-sizing: border-box; }
html { scroll-padding-top: 12px; }
body { margin: 0 auto; max-width: 1180px; padding: 24px; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif;
  overflow-wrap: break-word; }
h1, h2, h3, h4, p, ul, ol, dl, dd, figure { margin: 0; padding: 0; }
ul, ol { list-style: none; }
h2 { font-size: 20px; margin: 36px 0 12px; }
h4 { font-size: 14px; margin: 24px 0 8px; }
a { color: var(--data); text-decoration-thickness: 1px; text-underline-offset: 2px; }
:focus-visible { outline: 2px solid var(--data); outline-offset: 2px; }
code { font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.card, header, details { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.patterns { position: absolute; }
.passed { --tone: var(--passed); --tone-ground: var(--passed-ground); }
.failed { --tone: var(--failed); --tone-ground: var(--failed-ground); }
.skipped { --tone: var(--skipped); --tone-ground: var(--skipped-ground); }
.sign { width: 16px; height: 16px; flex: none; fill: none; stroke: currentColor; stroke-width: 2;
  stroke-linecap: round; stroke-linejoin: round; }
.badge { display: inline-flex; align-items: center; gap: 4px; padding: 1px 9px 1px 5px; border-radius: 99px;
  font-size: 13px; font-weight: 600; white-space: nowrap; color: var(--tone); background: var(--tone-ground); }
.row { display: inline-block; padding: 0 6px; border: 1px solid var(--line); border-radius: 4px; font-size: 12px;
  color: var(--soft); white-space: nowrap; }

header { padding: 24px; border-top: 6px solid var(--tone); }
.verdict { display: flex; gap: 18px; align-items: center; }
.verdict > .sign { width: 60px; height: 60px; padding: 10px; border-radius: 50%; color: var(--card);
  background: var(--tone); }
h1 { font-size: 30px; line-height: 1.2; letter-spacing: -0.01em; }
.verdict p { color: var(--soft); margin-top: 4px; }
.counts { display: flex; flex-wrap: wrap; gap: 10px; margin-top: 20px; }
.counts li { display: flex; align-items: center; gap: 7px; padding: 5px 14px 5px 10px; border-radius: 8px;
  color: var(--tone); background: var(--tone-ground); }
.counts b { font-size: 19px; line-height: 1.3; }
.counts .none { color: var(--soft); background: none; box-shadow: inset 0 0 0 1px var(--line); }
.counts a { display: flex; align-items: center; gap: 7px; color: inherit; text-decoration: none; }
.counts a:hover { text-decoration: underline; }
.strip { display: flex; flex-wrap: wrap; gap: 4px; margin-top: 14px; }
.strip a { display: flex; align-items: center; justify-content: center; width: 26px; height: 26px; border-radius: 5px;
  color: var(--tone); background: var(--tone-ground); }
.strip a.failed { color: var(--card); background: var(--tone); }
.strip a:hover { box-shadow: 0 0 0 2px var(--tone); }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); gap: 12px 28px; margin-top: 20px;
  padding-top: 18px; border-top: 1px solid var(--line); }
.facts .long { grid-column: 1 / -1; }
dt { font-size: 12px; color: var(--soft); }

table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 9px 10px; }
thead th { font-size: 12px; font-weight: 500; color: var(--soft); vertical-align: bottom; line-height: 1.3; }
tbody tr { border-top: 1px solid var(--line); }
tbody th { font-weight: 600; }
.overview td { font-variant-numeric: tabular-nums; }
.overview th span, .overview .number span { display: block; font-weight: 400; font-size: 13px; line-height: 1.4;
  color: var(--soft); }
.overview .number { text-align: right; white-space: nowrap; }
.overview thead .number { white-space: normal; }
.overview tr.failed { background: color-mix(in srgb, var(--failed-ground) 45%, transparent); }
.overview .number .missed { color: var(--failed); font-weight: 600; }
.overview .reason { color: var(--soft); }
.overview tr > :first-child { padding-left: 16px; }
.overview tr > :last-child { padding-right: 16px; }
.overview .drawn { width: 190px; }
.overview.cost .drawn { width: 240px; }
section > .soft { margin-bottom: 12px; max-width: 100ch; }
.heading { display: flex; justify-content: space-between; align-items: end; margin-bottom: 12px; }
.heading h2 { margin-bottom: 0; }
button { font: inherit; font-size: 13px; color: var(--ink); background: var(--card); border: 1px solid var(--line);
  border-radius: 6px; padding: 4px 12px; cursor: pointer; }

details { margin-bottom: 12px; border-left: 5px solid var(--tone); }
summary { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 10px; padding: 12px 16px; cursor: pointer;
  list-style: none; }
summary::-webkit-details-marker { display: none; }
summary::after { content: ""; width: 8px; height: 8px; margin: 0 4px 4px auto; border: solid var(--soft);
  border-width: 0 2px 2px 0; transform: rotate(45deg); }
details[open] > summary::after { transform: rotate(225deg); margin-bottom: -4px; }
h3 { font-size: 17px; line-height: 1.35; }
summary .name { color: var(--soft);
  font: 13px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.body { padding: 4px 20px 20px; }
.about { max-width: 78ch; margin-bottom: 6px; }
.why { margin: 14px 0; padding: 10px 14px; border-radius: 8px; background: var(--tone-ground); }
.why h4 { margin: 0 0 4px; color: var(--tone); }
.why li { padding-left: 14px; text-indent: -14px; }
.why li::before { content: "✕ "; color: var(--tone); }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(168px, 1fr)); gap: 10px;
  margin: 16px 0 22px; }
.figures div { padding: 8px 12px; border: 1px solid var(--line); border-radius: 8px; }
.figures dd { font-size: 19px; font-weight: 600; line-height: 1.3; font-variant-numeric: tabular-nums; }
.figures .note { font-size: 12px; font-weight: 400; color: var(--soft); }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr)); gap: 0 28px;
  align-items: start; }
.findings caption { text-align: left; font-size: 14px; font-weight: 700; padding: 24px 0 6px; }
.findings thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.findings td { padding: 7px 8px 7px 0; }
.findings .state { width: 116px; white-space: nowrap; font-size: 13px; font-weight: 600; }
.findings .state .sign { vertical-align: -3px; margin-right: 5px; }
.findings .good .state { color: var(--passed); }
.findings .bad .state { color: var(--failed); }
.findings .bad { background: var(--failed-ground); }
.findings .seen { display: block; font-size: 13px; color: var(--soft); }
.numbers { font-variant-numeric: tabular-nums; font-size: 14px; }
.numbers th, .numbers td { text-align: right; padding: 5px 8px; }
.numbers tr > :first-child { text-align: left; padding-left: 0; }
.counters { columns: 300px; column-gap: 36px; font-size: 14px; }
.counters div { display: flex; justify-content: space-between; gap: 12px; padding: 3px 0;
  border-bottom: 1px solid var(--grid); break-inside: avoid; }
.counters dt { font-size: 14px; color: var(--ink); overflow-wrap: anywhere; }
.counters dd { font-variant-numeric: tabular-nums; }
.counters + .soft { margin-top: 20px; }
)css";

constexpr std::string_view drawings = R"css(
.scroll { overflow-x: auto; padding: 2px 22px 0 66px; margin: 0 -8px; }
.scroll.wide { padding: 0; margin: 0; }
.scroll.wide table { min-width: 720px; }
.chart { display: block; width: 100%; overflow: visible; }
.chart svg, .spark svg { overflow: visible; }
svg text { font-size: 11px; fill: var(--soft); font-variant-numeric: tabular-nums; }
svg .panel { font-weight: 600; fill: var(--ink); paint-order: stroke; stroke: var(--card); stroke-width: 4px;
  stroke-linejoin: round; pointer-events: none; }
svg .plain { font-weight: 400; fill: var(--soft); }
svg .label, svg .note { text-anchor: end; }
svg .time { text-anchor: middle; }
svg .number { fill: var(--ink); pointer-events: none; }
path, line { vector-effect: non-scaling-stroke; }
.grid { stroke: var(--grid); }
.zero { stroke: var(--soft); stroke-opacity: 0.5; }
.pause { fill: var(--pause); stroke: var(--line); stroke-dasharray: 2 2; }
.reach { fill: var(--reach); }
.area { fill: var(--area); fill-opacity: 0.75; }
.rate, .memory { fill: none; stroke: var(--data); stroke-width: 1.2; stroke-linejoin: round; }
.held { fill: var(--reach); }
.unknown { fill: none; stroke: var(--fault); stroke-width: 1.5; }
.baseline { stroke: var(--ink); stroke-dasharray: 6 4; stroke-opacity: 0.6; }
.p50, .p99, .longest { fill: none; stroke: var(--data); stroke-width: 1.6; stroke-linejoin: round; }
.p99 { stroke: var(--tail); }
.longest { stroke: var(--longest); stroke-width: 1; stroke-dasharray: 2 2; }
.view { fill: var(--pause); }
.view.second { fill: var(--line); }
.alive { fill: var(--alive); }
.primary { fill: var(--data); }
.ground { fill: var(--card); }
.silent { fill: url(#hatch-silent); stroke: var(--fault); }
.mute { fill: url(#hatch-mute); stroke: var(--mute); }
.hatch-silent { fill: var(--fault); fill-opacity: 0.55; }
.hatch-mute { fill: var(--mute); }
.crowded line.fault, .crowded line.heal { stroke-opacity: 0.4; }
.checkpoint.dense { stroke-opacity: 0.4; }
.checkpoint { stroke: var(--ink); stroke-width: 1; fill: none; }
line.fault { stroke: var(--fault); stroke-width: 1.3; pointer-events: none; }
line.heal { stroke: var(--heal); stroke-width: 1.3; stroke-dasharray: 4 3; pointer-events: none; }
circle.fault, .mark.fault circle { fill: var(--fault); }
rect.heal, .mark.heal rect { fill: var(--heal); }
.mark circle, .mark rect { stroke: var(--card); stroke-width: 1.5; }
svg .mark text { text-anchor: middle; font-size: 10px; font-weight: 700; fill: var(--on-mark); }
.reading { fill: var(--data); fill-opacity: 0; }
.reading:hover { fill-opacity: 0.18; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 10px 0 0; font-size: 12px; color: var(--soft); }
.legend li { display: flex; align-items: center; gap: 6px; }
.marks { margin-top: 14px; columns: 290px; column-gap: 28px; font-size: 14px; line-height: 1.4; }
.marks li { display: flex; gap: 8px; padding: 3px 0; break-inside: avoid; }
.marks .number { flex: none; align-self: start; min-width: 24px; height: 20px; padding: 0 4px; border-radius: 10px;
  text-align: center; font-size: 11px; font-weight: 700; line-height: 20px; color: var(--on-mark);
  background: var(--fault); }
.marks .heal .number { border-radius: 3px; background: var(--heal); }
.marks .time { flex: none; min-width: 52px; text-align: right; color: var(--soft); font-variant-numeric: tabular-nums; }
.marks .aside { color: var(--soft); }
.spark { display: block; width: 100%; min-width: 120px; }
.spark line { stroke-width: 1.2; }
.bar { display: block; width: 100%; min-width: 150px; }
.bar .whole { fill: none; stroke: var(--longest); }
.bar .kept { fill: var(--area); stroke: var(--data); }
.bar .missed { fill: var(--fault); fill-opacity: 0.35; stroke: var(--fault); }
.bar .aim { stroke: var(--ink); stroke-dasharray: 3 3; stroke-opacity: 0.7; }
.bar .worst { stroke: var(--ink); stroke-width: 3; }
)css";

constexpr std::string_view other_media = R"css(
@media screen and (max-width: 760px) {
  body { padding: 12px; }
  header { padding: 16px; }
  h1 { font-size: 23px; }
  .verdict { gap: 12px; }
  .verdict > .sign { width: 44px; height: 44px; padding: 7px; }
  .body { padding: 4px 14px 16px; }
  .scroll { padding-left: 62px; padding-right: 8px; }
  .overview thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .overview, .overview tbody, .overview td, .overview th { display: block; }
  .overview tbody tr { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 6px 16px;
    padding: 12px 14px; }
  .overview tbody tr:first-child { border-top: 0; }
  .overview tbody td, .overview tbody th { padding: 0 !important; text-align: left !important; }
  .overview tbody th, .overview .state, .overview .labels, .overview .drawn, .overview .reason {
    grid-column: 1 / -1; width: auto !important; }
  .overview td[data-label] { display: flex; justify-content: space-between; gap: 6px; font-size: 14px; }
  .overview td.labels { justify-content: start; }
  .overview .number span { display: none; }
  .overview td[data-label]::before { content: attr(data-label); color: var(--soft); }
  .figures { grid-template-columns: repeat(auto-fill, minmax(130px, 1fr)); }
}
@media print {
  :root { color-scheme: light; }
  body { max-width: none; padding: 0; font-size: 12px; background: none; }
  .overview th, .overview td { padding: 5px 6px; }
  .overview .drawn { width: 120px; }
  .overview .number { white-space: normal; }
  .spark, .bar { min-width: 0; }
  button, .strip { display: none; }
  summary::after { display: none; }
  details::details-content { content-visibility: visible; block-size: auto; }
  figure, .figures, .findings tr { break-inside: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
)css";

constexpr std::string_view behaviour = R"js(
"use strict";
const drills = [...document.querySelectorAll("details")];
const reveal = () => {
  const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  if (!target || target.tagName !== "DETAILS") return;
  target.open = true;
  target.scrollIntoView();
};
addEventListener("hashchange", reveal);
document.addEventListener("click", event => {
  const link = event.target.closest("a[href^='#']");
  if (link && link.hash === location.hash) reveal();
});
reveal();
const button = document.getElementById("all");
if (button) {
  const closed = () => drills.some(drill => !drill.open);
  const name = () => { button.textContent = closed() ? "open all" : "close all"; };
  button.hidden = drills.length < 2;
  button.addEventListener("click", () => {
    const open = closed();
    for (const drill of drills) drill.open = open;
  });
  for (const drill of drills) drill.addEventListener("toggle", name);
  name();
}
let opened = [];
addEventListener("beforeprint", () => {
  opened = drills.filter(drill => !drill.open);
  for (const drill of opened) drill.open = true;
});
addEventListener("afterprint", () => { for (const drill of opened) drill.open = false; });
)js";

}  // namespace

std::vector<std::string_view> style_sheet() { return {colours, page, drawings, other_media}; }

std::string_view script() { return behaviour; }

}  // namespace tagma::drills
