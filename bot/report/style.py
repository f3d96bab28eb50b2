"""How the page looks: no scripts, fonts or pictures from outside; on a phone, on paper, in light and in the dark."""

# The colours differ in lightness as well as in hue, so that they can be told apart in grey and by most eyes.
# Source of the palette: Okabe and Ito, "Color universal design" (2008).
STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5b646d; --line: #d5dade; --paper: #fff; --card: #f5f7f8;
  --blue: #0072b2; --sky: #56b4e9; --grey: #9aa4ad; --orange: #e69f00; --red: #c1272d; --green: #5a9f84;
  --violet: #b06292; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #a2abb3; --line: #3a4148; --paper: #16191c;
  --card: #1f2428; --blue: #3d9bd8; --sky: #8fd0f5; --grey: #77818a; --orange: #f0b63c; --red: #ef6a6a;
  --green: #74c3a3; --violet: #d68fbb; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; background: var(--paper); color: var(--ink);
  font: 16px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: .5rem 0; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .5rem; padding-top: .5rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
p { margin: .4rem 0; }
.soft, .note { color: var(--soft); }
.note { font-size: .9rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .6rem; margin: .8rem 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: .4rem; padding: .6rem .8rem; }
.tile b { display: block; font-size: 1.5rem; line-height: 1.2; }
.tile span { color: var(--soft); font-size: .9rem; }
figure { margin: 0; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1rem; font-size: .9rem; margin: .3rem 0 .6rem; padding: 0;
  list-style: none; }
.swatch { width: .8em; height: .8em; margin-right: .4em; }
.chart { display: grid; grid-template-columns: auto 1fr; column-gap: .5rem; }
.scale { display: flex; flex-direction: column; justify-content: space-between; text-align: right; line-height: 1;
  margin: -.4em 0; font-size: .8rem; color: var(--soft); }
.days { grid-column: 2; display: flex; justify-content: space-between; font-size: .8rem; color: var(--soft);
  margin-top: .3rem; }
svg.columns { display: block; width: 100%; height: 11rem; }
svg.row { display: block; width: 100%; height: .9rem; background: var(--card); }
.grid { stroke: var(--line); stroke-width: 1; }
.hover { fill: transparent; }
.answered, .first { fill: var(--blue); }
.clarified { fill: var(--sky); }
.refused { fill: var(--green); }
.unanswered { fill: var(--orange); }
.second { fill: var(--violet); }
.danger { fill: var(--red); }
.other, .third { fill: var(--grey); }
.bars { list-style: none; margin: .5rem 0; padding: 0; }
.bars li { display: grid; grid-template-columns: 1fr auto; column-gap: .8rem; margin: .45rem 0; break-inside: avoid; }
.bars svg { grid-column: 1 / -1; margin-top: .15rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; font-size: .95rem; }
th, td { padding: .3rem .5rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { font-weight: 600; color: var(--soft); }
td.number, th.number { text-align: right; white-space: nowrap; padding-right: 0; padding-left: .5rem; }
.wide { overflow-x: auto; }
.said { overflow-wrap: anywhere; }
ol.questions { list-style: none; margin: .5rem 0; padding: 0; }
ol.questions li { display: grid; grid-template-columns: 3.2rem 1fr; padding: .5rem 0;
  border-bottom: 1px solid var(--line); break-inside: avoid; }
ol.questions b { font-size: 1.1rem; text-align: right; padding-right: .9rem; }
details { margin: .5rem 0; }
summary { cursor: pointer; color: var(--soft); font-size: .9rem; }
@media print { :root { --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --card: #fff; --blue: #0072b2;
  --sky: #56b4e9; --grey: #9aa4ad; --orange: #e69f00; --red: #c1272d; --green: #5a9f84; --violet: #b06292; }
  body { max-width: none; padding: 0; font-size: 11pt; } details { display: none; } h2, h3 { break-after: avoid; }
  figure, .tiles, tr { break-inside: avoid; } .wide { overflow: visible; } .bars { columns: 2; column-gap: 2rem; }
  svg { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""
