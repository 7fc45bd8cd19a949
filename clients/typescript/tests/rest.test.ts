/** Reads: what is asked, what comes of each answer, and how pages follow each other. Against a real HTTP server. */

import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";

import { items, pages, Telemetra, TelemetraError, type TelemetraOptions } from "../src/index.js";

interface Served {
  client: Telemetra;
  url: string;
  requests: IncomingMessage[];
}

/** Serves until the test ends; a path of its own is the prefix. */
async function serving(
  context: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse, number: number) => void,
  options: TelemetraOptions = {},
): Promise<Served> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => answer(request, response, requests.push(request)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, client: new Telemetra(`${url}/some/prefix/`, options), requests };
}

const json = (response: ServerResponse, body: unknown, headers: Record<string, string> = {}, status = 200): void => {
  response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(body));
};

test("a read keeps the prefix, spells the id as one segment and leaves out what is not given", async (context) => {
  const { client, requests } = await serving(context, (_, response) => json(response, [], { "Telemetra-Position": "P1" }));
  const page = await client.metrics("a/b?c d#é", { limit: 5, start_time: "2026-01-01T00:00:00+01:00", end_time: undefined });
  assert.equal(
    requests[0]?.url,
    "/some/prefix/api/v1/streams/a%2Fb%3Fc%20d%23%C3%A9/metrics?limit=5&start_time=2026-01-01T00%3A00%3A00%2B01%3A00",
  );
  assert.deepEqual([page.data, page.position, page.next], [[], "P1", null]);
  await client.streams();
  await client.stream("demo");
  await client.moments("demo", { moment_type: "chat_spike" });
  assert.deepEqual(
    requests.slice(1).map(({ url }) => url?.slice("/some/prefix/api/v1/".length)),
    ["streams", "streams/demo", "streams/demo/moments?moment_type=chat_spike"],
  );
});

test("pages follow each other by the Link header, each including what the one before did", async (context) => {
  const { client, requests } = await serving(context, (_, response, number) =>
    json(response, [number * 10, number * 10 + 1], {
      "Telemetra-Position": `P${number}`,
      ...(number < 3 ? { Link: `<?limit=2>; rel="first", <?limit=2&cursor=c${number}>; title="a, b"; rel="next"` } : {}),
    }),
  );
  const rows: unknown[] = [];
  for await (const row of items(client.metrics("demo", { limit: 2 }))) rows.push(row);
  assert.deepEqual(rows, [10, 11, 20, 21, 30, 31]);
  assert.deepEqual(
    requests.map((request) => [request.url?.split("/metrics")[1], request.headers["telemetra-position"]]),
    [
      ["?limit=2", undefined],
      ["?limit=2&cursor=c1", "P1"],
      ["?limit=2&cursor=c2", "P2"],
    ],
  );
});

test("a page is read when it is asked for, and not before", async (context) => {
  const { client, requests } = await serving(context, (_, response) => json(response, [1], { Link: "<?more>; rel=next" }));
  for await (const page of pages(client.moments("demo"))) {
    assert.deepEqual(page.data, [1]);
    if (requests.length === 2) break;
  }
  assert.equal(requests.length, 2);
});

for (const [link, isNext] of [
  ['<?p=2>; rel="next"', true],
  ["<?p=2>; rel=next", true],
  ["<?p=2>;rel=next;title=x", true],
  ['<?p=2>; REL = "prev next"', true],
  ['<?p=0>; rel="prev", <?p=2>; rel="next"', true],
  ['<?p=0>; rel="prev"', false],
  ['<?p=0>; rel="nextish"', false],
  ['<?p=0>; title="rel=next"', false],
  ["", false],
] as const) {
  test(`the Link header ${link || "(none)"} ${isNext ? "has" : "has no"} next page`, async (context) => {
    const { client } = await serving(context, (_, response) => json(response, [], link ? { Link: link } : {}));
    assert.equal((await client.streams()).next !== null, isNext);
  });
}

for (const elsewhere of ["https://elsewhere.example", "https://here.example:8443", "http://here.example"]) {
  test(`a link to ${elsewhere} is not followed: it would be shown the token`, async () => {
    const answer = async (): Promise<Response> => new Response("[]", { headers: { Link: `<${elsewhere}/>; rel=next` } });
    const client = new Telemetra("https://here.example", { fetch: answer, token: "secret" });
    await assert.rejects(client.streams(), new TypeError(`A link leads to another server, ${elsewhere}.`));
  });
}

test("the token, a position and no-cache go along as headers", async (context) => {
  let count = 0;
  const { client, requests } = await serving(context, (_, response) => json(response, {}), { token: () => `t${++count}` });
  await client.stream("demo", { position: "P5", noCache: true });
  await client.stream("demo");
  assert.equal(requests[0]?.headers.authorization, "Bearer t1");
  assert.equal(requests[0]?.headers["telemetra-position"], "P5");
  assert.equal(requests[0]?.headers["cache-control"], "no-cache");
  assert.equal(requests[1]?.headers.authorization, "Bearer t2");
  assert.equal(requests[1]?.headers["telemetra-position"], undefined);
});

test("a problem is told with its status, what it says, and when to try again", async (context) => {
  const told = { type: "urn:x", title: "Invalid parameter", status: 422, detail: "limit: too much.", code: "parameter_invalid", request_id: "r", errors: [{ name: "limit", reason: "too much." }] };
  const { client } = await serving(context, (_, response) =>
    json(response, told, { "Content-Type": "application/problem+json", "Retry-After": "3" }, 422),
  );
  await assert.rejects(client.metrics("demo", { limit: 9 }), (error) => {
    assert.ok(error instanceof TelemetraError && error instanceof Error);
    assert.deepEqual([error.name, error.message, error.status, error.retryAfterSeconds], ["TelemetraError", "limit: too much.", 422, 3]);
    assert.deepEqual(error.problem, told);
    return true;
  });
});

for (const [what, body, type] of [
  ["a proxy's page", "<html>Bad gateway</html>", "text/html"],
  ["another service's JSON", '{"error":"nope"}', "application/json"],
  ["null", "null", "application/json"],
  ["nothing", "", "text/plain"],
] as const) {
  test(`an error with ${what} has no problem, and its status`, async (context) => {
    const { client } = await serving(context, (_, response) => {
      response.writeHead(502, { "Content-Type": type }).end(body);
    });
    await assert.rejects(client.streams(), { message: "HTTP 502", status: 502, problem: null, retryAfterSeconds: null });
  });
}

test("Retry-After may be a date, and nonsense is nothing", async (context) => {
  const told = [new Date(Date.now() + 60_000).toUTCString(), new Date(0).toUTCString(), "soon"];
  const { client } = await serving(context, (_, response, number) => {
    response.writeHead(503, { "Retry-After": told[number - 1] }).end();
  });
  const seconds: (number | null)[] = [];
  for (const _ of told) {
    await client.streams().catch((error: TelemetraError) => seconds.push(error.retryAfterSeconds));
  }
  assert.ok((seconds[0] ?? 0) > 50 && (seconds[0] ?? 0) <= 60);
  assert.deepEqual(seconds.slice(1), [0, null]);
});

test("a good status with a page instead of JSON is an error too", async (context) => {
  const { client } = await serving(context, (_, response) => {
    response.writeHead(200, { "Content-Type": "text/html" }).end("<html>Please log in</html>");
  });
  await assert.rejects(client.streams(), { name: "TelemetraError", status: 200, message: "HTTP 200, but no JSON" });
});

test("an answer that breaks off is no answer", async (context) => {
  const { client } = await serving(context, (_, response) => {
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": "100" });
    response.write("[1,", () => response.destroy());
  });
  await assert.rejects(client.streams(), (error) => !(error instanceof TelemetraError));
});

test("an abort is the signal's own", async (context) => {
  const { client } = await serving(context, () => {});
  await assert.rejects(client.streams({}, { signal: AbortSignal.timeout(50) }), { name: "TimeoutError" });
});

test("an address that can't be used is told without repeating it", () => {
  for (const base of ["", "nonsense", "ftp://x.example", "http://x.example?q=1", "http://x.example/#f", "https://me:secret@x.example"]) {
    assert.throws(
      () => new Telemetra(base),
      (error) => error instanceof TypeError && /such as https:/.test(error.message) && !/secret/.test(error.message),
    );
  }
  for (const base of ["http://x.example", "wss://x.example/a/", new URL("https://x.example/b")]) new Telemetra(base);
});

test("an id that no URL can name is refused, and is not asked for as something else", async (context) => {
  const { client, requests } = await serving(context, (_, response) => json(response, []));
  for (const id of ["", ".", "..", "\udfff"]) await assert.rejects(client.metrics(id), /No URL can name a stream/);
  assert.equal(requests.length, 0);
});
