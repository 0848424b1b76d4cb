"use strict";
// Lists the operations of /openapi.json. Text goes in by textContent alone.

function el(tag, className, text) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}

// example makes a value of a schema's shape, naming types where there is no value.
function example(doc, schema, depth) {
  if (!schema || depth > 6) return "…";
  if (schema.$ref) return example(doc, doc.components.schemas[schema.$ref.split("/").pop()], depth + 1);
  if (schema.enum) return schema.enum.join(" | ");
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === "array") return [example(doc, schema.items, depth + 1)];
  if (type === "object") {
    const out = {};
    for (const [name, s] of Object.entries(schema.properties || {})) out[name] = example(doc, s, depth + 1);
    if (typeof schema.additionalProperties === "object") out["NAME"] = example(doc, schema.additionalProperties, depth + 1);
    return out;
  }
  return schema.format ? type + " (" + schema.format + ")" : type || "any";
}

function block(doc, title, content) {
  const nodes = [];
  for (const media of Object.values(content || {})) {
    if (!media.schema) continue;
    nodes.push(el("p", "title", title));
    nodes.push(el("pre", "", JSON.stringify(example(doc, media.schema, 0), null, 2)));
  }
  return nodes;
}

function operation(doc, path, method, op) {
  const d = el("details");
  const s = el("summary");
  s.append(el("span", "method " + method, method.toUpperCase()), el("code", "", path), el("span", "role", op["x-role"] || ""));
  s.append(el("span", "text", op.summary || ""));
  d.append(s);
  d.dataset.text = [method, path, op["x-role"], op.summary].join(" ").toLowerCase();
  d.addEventListener("toggle", () => {
    if (!d.open || d.dataset.filled) return;
    d.dataset.filled = "1";
    for (const p of op.parameters || []) {
      d.append(el("p", "", p.in + " " + p.name + (p.required ? " (required)" : "") + (p.description ? ": " + p.description : "")));
    }
    if (op.requestBody) d.append(...block(doc, "Body", op.requestBody.content));
    for (const [code, r] of Object.entries(op.responses || {})) {
      if (code !== "default") d.append(...block(doc, code + " " + (r.description || ""), r.content));
    }
  });
  return d;
}

function show(doc) {
  document.getElementById("about").textContent = doc.info.description + " Version " + doc.info.version + ".";
  const groups = new Map();
  for (const [path, item] of Object.entries(doc.paths)) {
    for (const method of ["get", "post", "put", "patch", "delete"]) {
      const op = item[method];
      if (!op) continue;
      const tag = (op.tags || ["other"])[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operation(doc, path, method, op));
    }
  }
  const main = document.getElementById("routes");
  main.replaceChildren();
  for (const [tag, ops] of groups) {
    const section = el("section");
    section.append(el("h2", "", tag), ...ops);
    main.append(section);
  }
  const filter = document.getElementById("filter");
  filter.addEventListener("input", () => narrow(main, filter.value.toLowerCase()));
  narrow(main, filter.value.toLowerCase());
}

// narrow shows the operations that have the text, and says how many they are.
function narrow(main, want) {
  let shown = 0;
  for (const section of main.children) {
    let any = 0;
    for (const d of section.querySelectorAll("details")) {
      d.hidden = !d.dataset.text.includes(want);
      if (!d.hidden) any++;
    }
    section.hidden = any === 0;
    shown += any;
  }
  document.getElementById("count").textContent = shown === 1 ? "1 operation" : shown + " operations";
}

fetch("/openapi.json")
  .then((r) => (r.ok ? r.json() : Promise.reject(new Error("HTTP " + r.status))))
  .then(show)
  .catch((e) => { document.getElementById("count").textContent = "openapi.json could not be read: " + e.message; });
