<?php

declare(strict_types=1);

use GuzzleHttp\Client;
use GuzzleHttp\ClientInterface;
use phpseclib3\Crypt\PublicKeyLoader;
use phpseclib3\Crypt\RSA;
use phpseclib3\Math\BigInteger;
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

    /** The JWK of a kid; throws Refused. */
    public function get(string $kid): array
    {
        $item = $this->cache->getItem('wugan.' . md5($this->url));
        $state = $item->get() ?? ['keys' => [], 'failed' => false, 'tried' => 0];
        $age = time() - $state['tried'];
        if ($age > 300 || (!isset($state['keys'][$kid]) && $age > ($state['keys'] ? 60 : 1))) {
            $keys = $this->fetch();
            $state = ['keys' => $keys ?? $state['keys'], 'failed' => $keys === null, 'tried' => time()];
            $this->cache->save($item->set($state));
        }
        // A key that could not be fetched is no reason to log anybody out.
        return $state['keys'][$kid] ?? throw ($state['failed'] ? new Refused(503, 'keys_unavailable') : new Refused(401, 'token_invalid'));
    }

    private function fetch(): ?array
    {
        try {
            $answer = $this->http->request('GET', $this->url, ['allow_redirects' => false]);
            $set = json_decode((string) $answer->getBody(), true, 16, JSON_THROW_ON_ERROR);
            if ($answer->getStatusCode() !== 200 || !is_array($set['keys'] ?? null)) {
                return null;
            }

            return array_column($set['keys'], null, 'kid');
        } catch (Throwable) { // no connection, an error's status, no JSON
            return null;
        }
    }
}

/** Whether the signature is that of the key, by the key's own algorithm. */
function isSigned(string $signed, string $signature, array $jwk): bool
{
    $key = PublicKeyLoader::loadPublicKey(json_encode($jwk)); // an HMAC key, which kty oct would be, is none

    $number = fn (int $from) => new BigInteger(substr($signature, $from, 32), 256);

    return match ($jwk['alg']) {
        'ES256' => strlen($signature) === 64 && $key->withSignatureFormat('Raw')->withHash('sha256')
            ->verify($signed, ['r' => $number(0), 's' => $number(32)]),
        'RS256' => $key->withPadding(RSA::SIGNATURE_PKCS1)->withHash('sha256')->verify($signed, $signature),
        'EdDSA' => $key->verify($signed, $signature),
    };
}

/** The claims of the access token in an Authorization header; throws Refused. */
function userOf(string $authorization, string $issuer, Keys $keys): stdClass
{
    if (!preg_match('#^Bearer +(\S+) *$#iD', $authorization, $match)) {
        throw new Refused(401, 'token_missing');
    }
    if (!preg_match('#^(([\w-]+)\.([\w-]+))\.([\w-]+)$#D', $match[1], $part)) {
        throw new Refused(401, 'token_invalid');
    }
    [$header, $claims, $signature] = array_map(fn ($text) => base64_decode(strtr($text, '-_', '+/')), array_slice($part, 2));
    $header = json_decode($header);
    // A refresh token is no access token, and an extension that it calls critical we do not know.
    if (($header->typ ?? null) !== 'at+jwt' || property_exists($header, 'crit') || !is_string($header->kid ?? null)) {
        throw new Refused(401, 'token_invalid');
    }
    $jwk = $keys->get($header->kid);
    try {
        $good = ($header->alg ?? null) === ($jwk['alg'] ?? '') && isSigned($part[1], $signature, $jwk);
    } catch (Throwable) { // a key that the library does not take
        $good = false;
    }
    $claims = json_decode($claims);
    if (!$good || ($claims->iss ?? null) !== $issuer || !in_array($issuer, (array) ($claims->aud ?? []), true)
        || !is_int($claims->exp ?? null) || !isset($claims->iat, $claims->sub, $claims->jti, $claims->client_id, $claims->sid)) {
        throw new Refused(401, 'token_invalid');
    }
    if ($claims->exp <= time()) {
        throw new Refused(401, 'token_expired');
    }

    return $claims;
}
