<?php

declare(strict_types=1);

use Firebase\JWT\CachedKeySet;
use Firebase\JWT\ExpiredException;
use Firebase\JWT\JWT;
use GuzzleHttp\Client;
use GuzzleHttp\Exception\GuzzleException;
use GuzzleHttp\Psr7\HttpFactory;
use Psr\Cache\CacheItemPoolInterface;

/** What to answer when a token is not accepted. */
final class Refused extends Exception
{
    public function __construct(public readonly int $status, public readonly string $errorCode)
    {
        parent::__construct($errorCode);
    }
}

/** The claims of the access token in an Authorization header; throws Refused. */
function userOf(string $authorization, string $issuer, CacheItemPoolInterface $cache): stdClass
{
    if (!preg_match('#^Bearer +([\w.~+/=-]+) *$#i', $authorization, $match)) {
        throw new Refused(401, 'token_missing');
    }
    $keys = new CachedKeySet(
        $issuer . '/.well-known/jwks.json',
        new Client(['timeout' => 5]),
        new HttpFactory(),
        $cache, // shared by all workers, such as APCu or Redis
        300,    // seconds
        true,   // at most ten fetches a minute, whatever kid is asked for
    );
    $header = new stdClass();
    try {
        $claims = JWT::decode($match[1], $keys, $header);
    } catch (ExpiredException) {
        throw new Refused(401, 'token_expired');
    } catch (GuzzleException) {
        throw new Refused(503, 'keys_unavailable'); // no reason to log anybody out
    } catch (Exception) {
        throw new Refused(401, 'token_invalid');
    }
    // The library checks the signature and the times, and nothing else.
    $audience = (array) ($claims->aud ?? []);
    if (($header->typ ?? '') !== 'at+jwt' || ($claims->iss ?? '') !== $issuer || !in_array($issuer, $audience, true)
        || !isset($claims->exp, $claims->sub, $claims->sid)) {
        throw new Refused(401, 'token_invalid');
    }

    return $claims;
}
