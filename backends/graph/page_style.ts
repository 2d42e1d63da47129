/** How a page looks around its picture. */

import { DARK, LIGHT, type Theme, themeRules } from "./palette.ts";

/** The page's style sheet. */
export function pageStyle(fonts: string): string {
  return `:root{color-scheme:light dark;${
    variables(LIGHT)
  }--panel:#fff;--shadow:0 4px 24px #1b243322}
@media (prefers-color-scheme:dark){:root{${
    variables(DARK)
  }--panel:#1a212c;--shadow:0 4px 24px #0008}
${themeRules(DARK)}}
${RULES.replace("FONTS", fonts)}`;
}

function variables({ tones, hues, marks }: Theme): string {
  const { background, text, muted, edge, cluster } = tones;
  return `--background:${background};--text:${text};--muted:${muted};--edge:${edge};` +
    `--soft:${cluster.fill};--line:${cluster.stroke};--accent:${hues[0].stroke};` +
    `--failed:${marks.failed};`;
}

const RULES = `*{box-sizing:border-box}
html,body{height:100%;margin:0}
body{display:flex;flex-direction:column;background:var(--background);color:var(--text);font:14px/1.45 FONTS;overflow:hidden}
button,input{font:inherit;color:inherit}
button{background:none;border:0;border-radius:6px;padding:3px 6px;cursor:pointer}
button:hover{background:var(--soft)}
:focus-visible{outline:2px solid var(--accent);outline-offset:1px}
header{display:flex;gap:10px 16px;align-items:center;flex-wrap:wrap;padding:9px 16px;background:var(--panel);border-bottom:1px solid var(--line);z-index:2}
h1{font-size:16px;margin:0;max-width:40vw;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;unicode-bidi:plaintext}
.muted{color:var(--muted);font-size:12px}
.search{position:relative;margin-left:auto;display:flex;align-items:center;gap:6px}
.search input{width:min(300px,46vw);padding:5px 10px;border:1px solid var(--line);border-radius:8px;background:var(--background)}
#found{min-width:52px;text-align:right;font-variant-numeric:tabular-nums}
#results{position:absolute;top:38px;right:0;width:min(380px,90vw);max-height:50vh;overflow:auto;margin:0;padding:5px;list-style:none;background:var(--panel);border:1px solid var(--line);border-radius:10px;box-shadow:var(--shadow);z-index:3}
#results:empty,#results[hidden]{display:none}
#results button{display:flex;gap:10px;width:100%;text-align:left;justify-content:space-between}
.name{overflow-wrap:anywhere;unicode-bidi:plaintext}
#results .name{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:2;overflow:hidden}
#results .muted{flex:none;max-width:45%;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.tools{display:flex;gap:4px}
.tools button{width:32px;height:30px;border:1px solid var(--line);font-size:15px;line-height:1}
.tools .wide{width:auto;padding:0 10px;font-size:13px}
main{flex:1;position:relative;min-height:0}
#picture{position:absolute;inset:0;width:100%;height:100%;display:block;cursor:grab}
#picture:active{cursor:grabbing}
.ff-node{cursor:pointer;outline:none}
.ff-node:hover .ff-box,.ff-node:focus-visible .ff-box,.ff-node.chosen .ff-box{stroke-width:2.4}
.ff-node:focus-visible .ff-box,.ff-node.chosen .ff-box{filter:drop-shadow(0 0 5px var(--accent))}
.ff-link.near .ff-line{stroke:var(--accent);stroke-width:2.4}
.ff-link.near .ff-head{fill:var(--accent)}
.searching .ff-node:not(.found){opacity:.22}
.searching .ff-link,.searching .ff-label{opacity:.3}
aside{position:absolute;top:12px;right:12px;max-height:calc(100% - 24px);width:min(350px,calc(100% - 24px));overflow:auto;background:var(--panel);border:1px solid var(--line);border-radius:12px;box-shadow:var(--shadow);padding:14px 16px}
aside[hidden]{display:none}
aside h2{font-size:16px;line-height:1.3;margin:0 30px 2px 0}
aside h3{font-size:11px;letter-spacing:.05em;text-transform:uppercase;color:var(--muted);margin:16px 0 4px}
aside .close{position:absolute;top:10px;right:10px;font-size:17px;line-height:1.2}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 12px;margin:12px 0 0}
dt{color:var(--muted)}
dd{margin:0;overflow-wrap:anywhere;unicode-bidi:plaintext}
.list{list-style:none;margin:0;padding:0}
.list button{text-align:left;padding:2px 6px;margin-left:-6px;overflow-wrap:anywhere}
.list .muted{margin-left:6px}
code{font:12px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere;white-space:pre-wrap}
footer{display:flex;flex-wrap:wrap;gap:3px 16px;align-items:center;padding:7px 16px;background:var(--panel);border-top:1px solid var(--line);font-size:12px;color:var(--muted)}
footer:empty{display:none}
footer span{display:inline-flex;gap:6px;align-items:center}
@media (max-width:640px){aside{top:auto;bottom:12px;max-height:55%}.search{margin-left:0;flex:1}.search input{width:100%}#found:empty{display:none}h1{max-width:90vw}}
@media print{header .search,.tools,aside,footer{display:none}}`;
