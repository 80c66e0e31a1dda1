<?php

// A business service around wugan.php, for `php -S HOST:PORT service.php`, with the
// libraries as Debian has them; with composer it is vendor/autoload.php alone.

declare(strict_types=1);

use Symfony\Component\Cache\Adapter\FilesystemAdapter;

require '/usr/share/php/GuzzleHttp/autoload.php';
require '/usr/share/php/phpseclib3/autoload.php';
require '/usr/share/php/Symfony/Component/Cache/autoload.php';
require __DIR__ . '/wugan.php';

header('Content-Type: application/json');
if ($_SERVER['REQUEST_URI'] === '/healthz') {
    exit('{}');
}
$issuer = getenv('AUTH_URL');
$keys = new Keys("$issuer/.well-known/jwks.json", new FilesystemAdapter('wugan', 0, getenv('CACHE') ?: null));
try {
    echo json_encode(['userId' => userOf($_SERVER['HTTP_AUTHORIZATION'] ?? '', $issuer, $keys)->sub]);
} catch (Refused $refused) {
    http_response_code($refused->status);
    header(match (true) {
        $refused->status === 503 => 'Retry-After: 5',
        $refused->errorCode === 'token_missing' => 'WWW-Authenticate: Bearer',
        default => 'WWW-Authenticate: Bearer error="invalid_token"',
    });
    echo json_encode(['code' => $refused->errorCode]);
}
