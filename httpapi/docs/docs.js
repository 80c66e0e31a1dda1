// Draws the page from /openapi.json. Text is only ever set as text: nothing in the document becomes markup.
(function () {
  'use strict';

  var METHODS = ['get', 'head', 'post', 'put', 'patch', 'delete'];
  var spec;

  function el(tag, attributes) {
    var node = document.createElement(tag);
    Object.keys(attributes || {}).forEach(function (name) {
      if (name === 'text') node.textContent = attributes[name];
      else node.setAttribute(name, attributes[name]);
    });
    for (var i = 2; i < arguments.length; i++) if (arguments[i]) node.append(arguments[i]);
    return node;
  }

  function deref(value) {
    while (value && value.$ref) {
      value = value.$ref.slice(2).split('/').reduce(function (at, part) {
        return at[part.replace(/~1/g, '/').replace(/~0/g, '~')];
      }, spec);
    }
    return value;
  }

  function refName(value) {
    return value && value.$ref ? value.$ref.split('/').pop() : '';
  }

  // inline understands the two marks that the document uses: `code` and **bold**.
  function inline(node, text) {
    text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).forEach(function (part) {
      if (part[0] === '`') node.append(el('code', { text: part.slice(1, -1) }));
      else if (part.slice(0, 2) === '**') node.append(el('strong', { text: part.slice(2, -2) }));
      else node.append(part);
    });
    return node;
  }

  // prose makes paragraphs, and lists of the lines that begin with "- ".
  function prose(text) {
    var box = el('div', { class: 'prose' });
    (text || '').trim().split(/\n\s*\n/).forEach(function (block) {
      var paragraph = [], list = null;
      function flush() {
        if (paragraph.length) box.append(inline(el('p'), paragraph.join(' ')));
        paragraph = [];
      }
      block.split('\n').forEach(function (line) {
        if (/^- /.test(line)) {
          flush();
          if (!list) box.append((list = el('ul')));
          list.append(el('li', { text: line.slice(2) }));
        } else if (list) {
          list.lastChild.textContent += ' ' + line.trim();
        } else {
          paragraph.push(line.trim());
        }
      });
      flush();
      if (list) Array.prototype.forEach.call(list.children, function (item) {
        var text = item.textContent;
        item.textContent = '';
        inline(item, text);
      });
    });
    return box;
  }

  // flat joins allOf, whose later parts narrow the earlier ones' properties.
  function flat(schema) {
    schema = deref(schema);
    if (!schema || !schema.allOf) return schema;
    var out = { type: 'object', properties: {}, required: [] };
    schema.allOf.map(flat).forEach(function (part) {
      out.required = out.required.concat(part.required || []);
      Object.keys(part.properties || {}).forEach(function (name) {
        out.properties[name] = Object.assign({}, deref(out.properties[name]), deref(part.properties[name]));
      });
    });
    return out;
  }

  function typeOf(schema) {
    var s = flat(schema);
    if (!s) return '';
    if (s.enum) return s.enum.map(function (v) { return JSON.stringify(v); }).join(' | ');
    if (s.oneOf) return s.oneOf.map(typeOf).join(' or ');
    if (s.type === 'array') return 'list of ' + (refName(s.items) || typeOf(s.items));
    return (refName(schema) || s.type || 'any') + (s.nullable ? ' or null' : '');
  }

  function limits(schema) {
    var s = flat(schema) || {}, out = [];
    var least = s.minLength || 0, most = s.maxLength;
    if (most !== undefined) out.push((least === most ? most : least ? least + ' to ' + most : 'at most ' + most) + ' characters');
    else if (least) out.push('not empty');
    if (s.minimum !== undefined) out.push('from ' + s.minimum);
    if (s.maximum !== undefined) out.push('to ' + s.maximum);
    if (s.maxItems !== undefined) out.push('at most ' + s.maxItems + ' items');
    if (s.default !== undefined) out.push('default ' + s.default);
    return out.join(', ');
  }

  function row(name, schema, required, description) {
    var value = el('dd', {}, el('span', { class: 'type', text: typeOf(schema) }));
    if (required) value.append(el('span', { class: 'required', text: 'required' }));
    var bounds = limits(schema);
    if (bounds) value.append(el('span', { class: 'limits', text: bounds }));
    var text = description || (deref(schema) || {}).description;
    if (text) value.append(inline(el('div', { class: 'note' }), text.trim()));
    return [el('dt', {}, el('code', { text: name })), value];
  }

  function fields(schema, depth) {
    var s = flat(schema);
    if (!s) return null;
    if (s.oneOf) {
      var alternatives = el('div', { class: 'alternatives' });
      s.oneOf.forEach(function (one, i) {
        if (i) alternatives.append(el('p', { class: 'or', text: 'or' }));
        alternatives.append(fields(one, depth) || el('span', { class: 'type', text: typeOf(one) }));
      });
      return alternatives;
    }
    if (s.type === 'array') return fields(s.items, depth);
    if (!s.properties) return null;
    var list = el('dl');
    Object.keys(s.properties).forEach(function (name) {
      var property = s.properties[name];
      var pair = row(name, property, (s.required || []).indexOf(name) >= 0);
      var inner = depth < 3 && fields(property, depth + 1);
      if (inner) pair[1].append(inner);
      list.append(pair[0], pair[1]);
    });
    return list;
  }

  function examples(media) {
    var all = media.example !== undefined ? [{ value: media.example }] : Object.values(media.examples || {});
    return all.map(function (example) {
      return el('figure', {},
        example.summary ? el('figcaption', { text: example.summary }) : null,
        el('pre', { tabindex: '0' }, el('code', { text: typeof example.value === 'string' ? example.value : JSON.stringify(example.value, null, 2) })));
    });
  }

  function content(bodies) {
    return Object.keys(bodies || {}).map(function (type) {
      var media = bodies[type];
      var box = el('div', { class: 'media' }, el('p', { class: 'mime' }, el('code', { text: type }), media.schema ? ' ' + refName(media.schema) : ''));
      var list = media.schema && fields(media.schema, 0);
      if (list) box.append(list);
      examples(media).forEach(function (figure) { box.append(figure); });
      return box;
    });
  }

  function isProblem(response) {
    return Boolean(response.content && response.content['application/problem+json']);
  }

  // codes are what a program decides by, so they show without opening anything.
  function codes(response) {
    var media = Object.values(response.content || {})[0];
    var s = media && media.schema && flat(media.schema);
    var property = s && s.properties && deref(s.properties.code || s.properties.error);
    return (property && property.enum) || [];
  }

  function answer(status, response) {
    response = deref(response);
    var head = el('summary', {}, el('span', { class: 'status s' + status[0], text: status }));
    var list = codes(response);
    if (list.length) list.forEach(function (code) { head.append(el('code', { class: 'code', text: code })); });
    else head.append(inline(el('span', { class: 'short' }), response.description.trim().split('\n')[0]));
    var box = el('details', {}, head);
    // The heading shows a description of one line already, unless it shows codes.
    if (list.length || response.description.trim().indexOf('\n') >= 0) box.append(prose(response.description));
    if (status[0] === '2') box.setAttribute('open', '');
    var headers = Object.keys(response.headers || {});
    if (headers.length) {
      var table = el('dl');
      headers.forEach(function (name) {
        var header = deref(response.headers[name]);
        var pair = row(name, header.schema, header.required, header.description);
        table.append(pair[0], pair[1]);
      });
      box.append(el('details', { class: 'headers' }, el('summary', { text: 'Headers: ' + headers.join(', ') }), table));
    }
    if (isProblem(response)) {
      examples(response.content['application/problem+json']).forEach(function (figure) { box.append(figure); });
    } else {
      content(response.content).forEach(function (media) { box.append(media); });
    }
    return box;
  }

  var WHO = { accessToken: 'access token', gatewayKey: 'gateway key', adminKey: 'admin key' };

  function who(operation) {
    var security = operation.security || spec.security || [];
    if (!security.length) return 'anyone';
    return security.map(function (one) { return WHO[Object.keys(one)[0]] || 'anyone'; }).join(' or ');
  }

  function section(path, item, method) {
    var operation = item[method];
    var box = el('section', { id: operation.operationId, class: 'operation' },
      el('h3', {},
        el('span', { class: 'method ' + method, text: method.toUpperCase() }),
        el('a', { href: '#' + operation.operationId, class: 'path', text: path })),
      el('p', { class: 'summary' }, operation.summary, ' ', el('span', { class: 'who', text: who(operation) })));
    if (operation.description) box.append(prose(operation.description));
    var parameters = (item.parameters || []).concat(operation.parameters || []).map(deref);
    if (parameters.length) {
      var list = el('dl');
      parameters.forEach(function (p) {
        var pair = row(p.name, p.schema, p.required, p.description);
        pair[0].append(el('span', { class: 'in', text: p.in }));
        list.append(pair[0], pair[1]);
      });
      box.append(el('h4', { text: 'Parameters' }), list);
    }
    var body = deref(operation.requestBody);
    if (body) {
      box.append(el('h4', { text: body.required ? 'Request' : 'Request (optional)' }));
      if (body.description) box.append(prose(body.description));
      content(body.content).forEach(function (media) { box.append(media); });
    }
    box.append(el('h4', { text: 'Answers' }));
    Object.keys(operation.responses).sort().forEach(function (status) {
      box.append(answer(status, operation.responses[status]));
    });
    // What the filter looks at: words of the answer bodies would find everything everywhere.
    box.dataset.words = [method, path, operation.operationId, operation.summary, operation.description, who(operation)]
      .concat(parameters.map(function (p) { return p.name; }))
      .concat(Object.values(operation.responses).map(function (r) { return codes(deref(r)).join(' '); }))
      .join(' ').toLowerCase();
    return box;
  }

  function draw() {
    var main = document.getElementById('content'), nav = document.getElementById('nav');
    document.getElementById('status').remove();
    main.append(el('section', { class: 'intro' }, el('h1', { text: spec.info.title + ': HTTP API' }), prose(spec.info.description)));
    var groups = {};
    (spec.tags || []).forEach(function (tag) {
      var id = 'tag-' + tag.name.toLowerCase();
      var box = el('section', { class: 'group', 'aria-labelledby': id }, el('h2', { id: id, text: tag.name }), prose(tag.description));
      var links = el('ul');
      var menu = el('details', { open: '' }, el('summary', { text: tag.name }), links);
      groups[tag.name] = { box: box, links: links, menu: menu };
      main.append(box);
      nav.append(menu);
    });
    Object.keys(spec.paths).forEach(function (path) {
      METHODS.forEach(function (method) {
        var operation = spec.paths[path][method];
        if (!operation) return;
        var group = groups[operation.tags[0]];
        var box = section(path, spec.paths[path], method);
        var link = el('li', {}, el('a', { href: '#' + operation.operationId },
          el('span', { class: 'method ' + method, text: method.toUpperCase() }), path.replace('/api/v1', '')));
        box.menuItem = link;
        group.box.append(box);
        group.links.append(link);
      });
    });
    var none = el('p', { class: 'none', role: 'status' });
    main.append(none);
    // On a phone the menu would push the text off the screen.
    if (window.matchMedia('(max-width: 60rem)').matches) {
      Object.values(groups).forEach(function (group) { group.menu.removeAttribute('open'); });
    }

    document.getElementById('filter').addEventListener('input', function (event) {
      var words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean), shown = 0;
      Object.values(groups).forEach(function (group) {
        var any = false;
        group.box.querySelectorAll('.operation').forEach(function (box) {
          var hit = words.every(function (word) { return box.dataset.words.indexOf(word) >= 0; });
          box.hidden = box.menuItem.hidden = !hit;
          any = any || hit;
          shown += hit ? 1 : 0;
        });
        group.box.hidden = group.menu.hidden = !any;
      });
      main.querySelector('.intro').hidden = words.length > 0;
      none.textContent = shown ? '' : 'No operation has these words.';
    });

    if (location.hash) {
      var target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
      if (target) target.scrollIntoView();
    }
  }

  fetch('/openapi.json')
    .then(function (response) {
      if (!response.ok) throw new Error('HTTP status ' + response.status);
      return response.json();
    })
    .then(function (document_) {
      spec = document_;
      draw();
    })
    .catch(function (error) {
      var status = document.getElementById('status') || document.getElementById('content').appendChild(el('p', { role: 'alert' }));
      status.textContent = 'The document could not be shown: ' + error.message + '. It is at /openapi.yaml.';
    });
})();
