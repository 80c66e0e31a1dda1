import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executors;

/** A business service around Wugan.java. ADDR is host:port. */
public final class Service {
    public static void main(String[] args) throws IOException {
        String issuer = System.getenv("AUTH_URL");
        Wugan wugan = new Wugan(issuer, issuer);
        String[] address = System.getenv("ADDR").split(":");
        HttpServer server = HttpServer.create(new InetSocketAddress(address[0], Integer.parseInt(address[1])), 0);
        server.setExecutor(Executors.newFixedThreadPool(4));
        server.createContext("/healthz", exchange -> answer(exchange, 200, "{}"));
        server.createContext("/orders", exchange -> {
            try {
                String user = wugan.userOf(exchange.getRequestHeaders().getFirst("Authorization")).get("sub").textValue();
                answer(exchange, 200, "{\"userId\":\"" + user + "\"}"); // an id is a UUID
            } catch (Wugan.Refused refused) {
                if (refused.status == 503) exchange.getResponseHeaders().set("Retry-After", "5");
                else exchange.getResponseHeaders().set("WWW-Authenticate",
                    refused.code.equals("token_missing") ? "Bearer" : "Bearer error=\"invalid_token\"");
                answer(exchange, refused.status, "{\"code\":\"" + refused.code + "\"}");
            }
        });
        server.start();
    }

    private static void answer(HttpExchange exchange, int status, String body) throws IOException {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(status, bytes.length);
        try (var out = exchange.getResponseBody()) {
            out.write(bytes);
        }
    }
}
