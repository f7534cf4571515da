// A client of Lambda's Runtime API, like the one in AWS's own Node runtime.
import http from "node:http";

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const invocations = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;

/** Handles invocations until the process is killed. */
export async function serve(handler) {
  for (;;) {
    const next = await call("GET", `${invocations}/next`);
    const id = next.headers["lambda-runtime-aws-request-id"];
    try {
      const result = await handler(JSON.parse(next.body));
      await call("POST", `${invocations}/${id}/response`, result ?? null);
    } catch (error) {
      const failure = { errorType: error.name, errorMessage: error.message };
      await call("POST", `${invocations}/${id}/error`, failure);
    }
  }
}

function call(method, url, content) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, agent }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => {
        const body = Buffer.concat(chunks).toString();
        resolve({ headers: response.headers, body });
      });
    });
    request.on("error", reject);
    request.end(content === undefined ? undefined : JSON.stringify(content));
  });
}
