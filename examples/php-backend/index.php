<?php
// A business API without a line of token code. wugan stands in front of it and
// says who is asking; nobody else can reach it.
//
//   PHP_CLI_SERVER_WORKERS=4 php -S 127.0.0.1:9000 index.php

header('Content-Type: application/json');
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);

// A path of WUGAN_PUBLIC_PATHS: anybody may ask.
if ($path === '/shop/goods') {
    echo json_encode(['goods' => [['id' => 1, 'name' => '茶']]], JSON_UNESCAPED_UNICODE), "\n";
    exit;
}

// Missing only if this service was reached past wugan. Never guess.
$user = $_SERVER['HTTP_X_USER_ID'] ?? '';
if ($user === '') {
    http_response_code(401);
    echo json_encode(['error' => 'not behind wugan']), "\n";
    exit;
}

if ($path === '/shop/orders' && $_SERVER['REQUEST_METHOD'] === 'GET') {
    $roles = array_filter(explode(',', $_SERVER['HTTP_X_ROLES'] ?? ''));
    echo json_encode(['user' => $user, 'app' => $_SERVER['HTTP_X_APP_ID'], 'roles' => array_values($roles), 'orders' => []]), "\n";
    exit;
}

if ($path === '/shop/orders' && $_SERVER['REQUEST_METHOD'] === 'POST') {
    http_response_code(201);
    echo json_encode(['user' => $user, 'bytes' => strlen(file_get_contents('php://input'))]), "\n";
    exit;
}

http_response_code(404);
echo json_encode(['error' => 'not found']), "\n";
