import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { FakeDaemon } from "./fake.js";

/** The daemon's services, as gRPC-web over HTTP/1.1; what is none of them goes to `otherwise`. */
export function grpcWeb(daemon: FakeDaemon, otherwise?: RequestListener): RequestListener {
  return connectNodeAdapter({
    routes: (router) => daemon.routes(router),
    grpc: false,
    connect: false,
    ...(otherwise && { fallback: otherwise as never }),
  });
}

/** Listens on the loopback; the address, and how to end it at once. */
export async function listen(
  listener: RequestListener,
  port = 0,
): Promise<{ url: string; server: Server; kill: () => void }> {
  const server = createServer(listener);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const kill = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server, kill };
}
