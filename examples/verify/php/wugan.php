<?php

declare(strict_types=1);

use Firebase\JWT\ExpiredException;
use Firebase\JWT\JWK;
use Firebase\JWT\JWT;
use Firebase\JWT\Key;
use GuzzleHttp\Client;
use GuzzleHttp\ClientInterface;
use Psr\Cache\CacheItemPoolInterface;

/** What to answer when a token is not accepted. */
final class Refused extends Exception
{
    public function __construct(public readonly int $status, public readonly string $errorCode)
    {
        parent::__construct($errorCode);
    }
}

/**
 * The keys that wugan publishes, by kid, in a cache that all workers share.
 *
 * They are fetched every five minutes, and for an unknown kid at most once a
 * minute. While the address is down the last ones stay in use.
 */
final class Keys
{
    public function __construct(
        private readonly string $url,
        private readonly CacheItemPoolInterface $cache,
        private readonly ClientInterface $http = new Client(['timeout' => 5]),
    ) {
    }

    public function get(string $kid): Key
    {
        $item = $this->cache->getItem('wugan.' . md5($this->url));
        $state = $item->get() ?? ['keys' => [], 'failed' => false, 'tried' => 0];
        $age = time() - $state['tried'];
        if ($age > 300 || (!isset($state['keys'][$kid]) && $age > ($state['keys'] ? 60 : 1))) {
            $keys = $this->fetch();
            $state = ['keys' => $keys ?? $state['keys'], 'failed' => $keys === null, 'tried' => time()];
            $this->cache->save($item->set($state));
        }
        if (isset($state['keys'][$kid])) {
            return JWK::parseKey($state['keys'][$kid]);
        }
        // A key that could not be fetched is no reason to log anybody out.
        throw $state['failed'] ? new Refused(503, 'keys_unavailable') : new Refused(401, 'token_invalid');
    }

    private function fetch(): ?array
    {
        try {
            $answer = $this->http->request('GET', $this->url, ['allow_redirects' => false]);
            $set = json_decode((string) $answer->getBody(), true, 16, JSON_THROW_ON_ERROR);
            if ($answer->getStatusCode() !== 200 || !is_array($set['keys'] ?? null)) {
                return null;
            }
            $keys = [];
            foreach ($set['keys'] as $jwk) {
                // kty oct would be a secret that is public.
                if ($jwk['kty'] !== 'oct' && JWK::parseKey($jwk) !== null) {
                    $keys[$jwk['kid']] = $jwk;
                }
            }

            return $keys;
        } catch (Throwable) { // no connection, an error's status, no JSON, no key
            return null;
        }
    }
}

/** The claims of the access token in an Authorization header; throws Refused. */
function userOf(string $authorization, string $issuer, Keys $keys): stdClass
{
    if (!preg_match('#^Bearer +([\w.~+/=-]+) *$#i', $authorization, $match)) {
        throw new Refused(401, 'token_missing');
    }
    try {
        $header = JWT::jsonDecode(JWT::urlsafeB64Decode(explode('.', $match[1])[0])); // verified below, with the rest
    } catch (Exception) {
        throw new Refused(401, 'token_invalid');
    }
    // A refresh token is no access token, and an extension that it calls critical we do not know.
    if (($header->typ ?? null) !== 'at+jwt' || property_exists($header, 'crit')
        || !is_string($header->alg ?? null) || !is_string($header->kid ?? null)) {
        throw new Refused(401, 'token_invalid');
    }
    $key = $keys->get($header->kid);
    try {
        $claims = JWT::decode($match[1], $key); // by the key's algorithm, whatever the token says
    } catch (ExpiredException) {
        throw new Refused(401, 'token_expired');
    } catch (Exception) {
        throw new Refused(401, 'token_invalid');
    }
    // The library checks the signature and the times, and nothing else.
    if (($claims->iss ?? null) !== $issuer || !in_array($issuer, (array) ($claims->aud ?? []), true)
        || !isset($claims->exp, $claims->iat, $claims->sub, $claims->jti, $claims->client_id, $claims->sid)) {
        throw new Refused(401, 'token_invalid');
    }

    return $claims;
}
