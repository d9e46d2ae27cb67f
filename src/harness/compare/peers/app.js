// What every rung serves, on node's own HTTP server: node app.js PORT

const http = require("http");

const burn = (milliseconds) => {
  const begun = process.cpuUsage();
  const spent = () => {
    const { user, system } = process.cpuUsage(begun);
    return (user + system) / 1000;
  };
  while (spent() < milliseconds);
};

const server = http.createServer((request, response) => {
  const answer = (status, content) => {
    response.writeHead(status, {
      "Content-Type": "text/plain; charset=utf-8",
      "Content-Length": Buffer.byteLength(content),
    });
    response.end(content);
  };
  const hello = () => answer(200, "Hello, World!");
  const [, work, number] = request.url.match(/^\/(sleep|burn|bytes)\/(\d+)$/) ?? [];
  if (request.url === "/" || request.url === "/hello") {
    hello();
  } else if (work === "sleep") {
    setTimeout(hello, Number(number));
  } else if (work === "burn") {
    burn(Number(number));
    hello();
  } else if (work === "bytes") {
    answer(200, "x".repeat(Number(number)));
  } else {
    answer(404, "there is nothing here\n");
  }
});

server.keepAliveTimeout = 60_000;
server.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 1024 });
