import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { FakeDaemon } from "./fake.js";
import { grpcWeb, listen } from "./http.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

test("the quick start of README.md is short, type-checks and runs over gRPC-web", {
  timeout: 60_000,
}, async (t) => {
  const code = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, "README.md"), "utf8"))?.[1] ?? "";
  assert.ok(code.includes("BcidClient") && code.trimEnd().split("\n").length <= 15);

  const daemon = new FakeDaemon([
    { name: "fists-feet", classes: ["fists", "feet"], axes: [{ axis: "x", plus: "feet", minus: "fists" }] },
  ]);
  const { url, kill } = await listen(grpcWeb(daemon));
  t.after(kill);
  const folder = join(root, "build", "quick-start");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "quick-start.ts"), code.replace("http://127.0.0.1:50051", url));
  const options = {
    extends: "../../tsconfig.json",
    compilerOptions: { rootDir: ".", outDir: "js" },
    include: ["*.ts"],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(options));
  const checked = spawnSync(process.execPath, [
    join(root, "node_modules", "typescript", "bin", "tsc"),
    "-p",
    folder,
  ]);
  assert.equal(checked.status, 0, String(checked.stdout));

  daemon.think("fists-feet", [0.1, 0.9]);
  t.after(daemon.start());
  const run = spawn(process.execPath, [join(folder, "js", "quick-start.js")]);
  t.after(() => run.kill());
  let said = "";
  let wrong = "";
  run.stderr.on("data", (chunk) => {
    wrong += chunk;
  });
  const ended = new Promise((resolve) => run.once("exit", resolve));
  // One that lasts when somebody begins to listen is held, and is no beginning.
  await new Promise<void>((resolve) => {
    run.stdout.on("data", (chunk) => {
      said += chunk;
      if (/x 0\.8\d* 1\/s/.test(said)) daemon.think("fists-feet", [0.9, 0.1]);
      if (said.includes("fists begins") && said.includes("x -0.8")) kill();
      if (said.includes("stopped: ")) resolve();
    });
    run.once("exit", () => resolve());
  });
  run.kill();
  await ended;
  assert.equal(said.split("fists begins").length, 2, `${said}\n${wrong}`);
  assert.ok(!said.includes("feet begins") && said.includes("stopped: "), `${said}\n${wrong}`);
});
