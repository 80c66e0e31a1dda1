import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.math.BigInteger;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.security.spec.RSAPublicKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Verifies access tokens of wugan with the JDK (17 or later) and Jackson. Any number of threads may share one. */
public final class Wugan {
    /** What to answer when a token is not accepted. */
    public static final class Refused extends Exception {
        public final int status;
        public final String code;

        Refused(int status, String code) {
            super(code);
            this.status = status;
            this.code = code;
        }
    }

    private record Key(String algorithm, PublicKey key) {}

    private static final Pattern BEARER = Pattern.compile("Bearer +(\\S+) *", Pattern.CASE_INSENSITIVE);
    private static final Pattern TOKEN = Pattern.compile("(([\\w-]+)\\.([\\w-]+))\\.([\\w-]+)");
    private static final List<String> NEEDED = List.of("iat", "sub", "jti", "client_id", "sid");

    private final String issuer;
    private final String audience;
    private final URI address;
    private final HttpClient http = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();
    private final ObjectMapper json = new ObjectMapper();
    private Map<String, Key> keys = Map.of();
    private boolean failed;
    private long tried;
    private boolean never = true;

    public Wugan(String issuer, String audience) {
        this.issuer = issuer;
        this.audience = audience;
        this.address = URI.create(issuer + "/.well-known/jwks.json");
    }

    /** The claims of the access token in an Authorization header, which may be null. */
    public JsonNode userOf(String authorization) throws Refused {
        Matcher bearer = BEARER.matcher(authorization == null ? "" : authorization);
        if (!bearer.matches()) throw new Refused(401, "token_missing");
        Matcher part = TOKEN.matcher(bearer.group(1));
        if (!part.matches()) throw new Refused(401, "token_invalid");
        JsonNode claims;
        try {
            JsonNode header = json.readTree(Base64.getUrlDecoder().decode(part.group(2)));
            // A refresh token is no access token, and an extension that it calls critical we do not know.
            if (!"at+jwt".equals(header.path("typ").textValue()) || header.has("crit")) throw new Refused(401, "token_invalid");
            Key key = key(header.path("kid").asText());
            if (!key.algorithm.equals(header.path("alg").textValue())) throw new Refused(401, "token_invalid");
            byte[] signature = Base64.getUrlDecoder().decode(part.group(4));
            if (!isSigned(part.group(1).getBytes(StandardCharsets.US_ASCII), signature, key)) throw new Refused(401, "token_invalid");
            claims = json.readTree(Base64.getUrlDecoder().decode(part.group(3)));
        } catch (IOException | IllegalArgumentException | GeneralSecurityException e) {
            throw new Refused(401, "token_invalid");
        }
        boolean forUs = audience.equals(claims.path("aud").textValue());
        for (JsonNode one : claims.path("aud")) forUs |= audience.equals(one.textValue());
        if (!issuer.equals(claims.path("iss").textValue()) || !forUs || !claims.path("exp").isIntegralNumber()
            || !NEEDED.stream().allMatch(claims::has)) {
            throw new Refused(401, "token_invalid");
        }
        if (claims.get("exp").longValue() <= Instant.now().getEpochSecond()) throw new Refused(401, "token_expired");
        return claims;
    }

    /** By the key's own algorithm, whatever the token says. */
    private static boolean isSigned(byte[] signed, byte[] signature, Key key) throws GeneralSecurityException {
        Signature verifier = Signature.getInstance(switch (key.algorithm) {
            case "ES256" -> "SHA256withECDSAinP1363Format";
            case "RS256" -> "SHA256withRSA";
            default -> "Ed25519";
        });
        verifier.initVerify(key.key);
        verifier.update(signed);
        return verifier.verify(signature);
    }

    /**
     * The keys are fetched every five minutes, and for an unknown kid at most once a minute. While the address is down the
     * last ones stay in use.
     */
    private synchronized Key key(String kid) throws Refused {
        long age = (System.nanoTime() - tried) / 1_000_000_000;
        if (never || age > 300 || (!keys.containsKey(kid) && age > (keys.isEmpty() ? 1 : 60))) fetch();
        Key key = keys.get(kid);
        if (key != null) return key;
        // A key that could not be fetched is no reason to log anybody out.
        throw failed ? new Refused(503, "keys_unavailable") : new Refused(401, "token_invalid");
    }

    private void fetch() {
        never = false;
        tried = System.nanoTime();
        try {
            var response = http.send(HttpRequest.newBuilder(address).timeout(Duration.ofSeconds(5)).build(), BodyHandlers.ofByteArray());
            if (response.statusCode() != 200) throw new IOException("status " + response.statusCode());
            Map<String, Key> fetched = new HashMap<>();
            for (JsonNode jwk : json.readTree(response.body()).required("keys")) {
                Key key = parse(jwk);
                if (key != null) fetched.put(jwk.path("kid").asText(), key);
            }
            keys = fetched;
            failed = false;
        } catch (IOException | IllegalArgumentException | GeneralSecurityException e) {
            failed = true;
        } catch (InterruptedException e) {
            failed = true;
            Thread.currentThread().interrupt();
        }
    }

    /** Null for an algorithm that is none of these three: an HMAC key would be a secret that is public. */
    private static Key parse(JsonNode jwk) throws GeneralSecurityException {
        String algorithm = jwk.path("alg").asText();
        return switch (algorithm) {
            case "ES256" -> {
                AlgorithmParameters curve = AlgorithmParameters.getInstance("EC");
                curve.init(new ECGenParameterSpec("secp256r1"));
                ECPoint point = new ECPoint(number(jwk, "x"), number(jwk, "y"));
                yield new Key(algorithm, KeyFactory.getInstance("EC").generatePublic(
                    new ECPublicKeySpec(point, curve.getParameterSpec(ECParameterSpec.class))));
            }
            case "RS256" -> new Key(algorithm, KeyFactory.getInstance("RSA").generatePublic(
                new RSAPublicKeySpec(number(jwk, "n"), number(jwk, "e"))));
            case "EdDSA" -> { // RFC 8410: this prefix and the 32 bytes are the key in X.509's form
                String x = HexFormat.of().formatHex(Base64.getUrlDecoder().decode(jwk.path("x").asText()));
                byte[] encoded = HexFormat.of().parseHex("302a300506032b6570032100" + x);
                yield new Key(algorithm, KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(encoded)));
            }
            default -> null;
        };
    }

    private static BigInteger number(JsonNode jwk, String name) {
        return new BigInteger(1, Base64.getUrlDecoder().decode(jwk.path(name).asText()));
    }
}
