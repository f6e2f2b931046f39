// node-oidc-provider as a careful owner would run it. Argument: the file that says what there is.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

import Provider from 'oidc-provider';

import { PostgresAdapters } from './postgres.mjs';
import { SqliteAdapters } from './sqlite.mjs';

const setup = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const adapters = setup.postgres.database
  ? await PostgresAdapters.open(setup.postgres)
  : new SqliteAdapters(setup.sqlite, setup.synchronous);
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
const OPAQUE = 'https://opaque.example';

const confidential = (client, grants) => ({
  client_id: client.client_id,
  client_secret: client.secret,
  grant_types: grants,
  response_types: grants.includes('authorization_code') ? ['code'] : [],
  redirect_uris: grants.includes('authorization_code') ? [setup.callback] : [],
  token_endpoint_auth_method: 'client_secret_basic',
  id_token_signed_response_alg: 'ES256',
});

const resourceServer = (_ctx, resource) => ({
  scope: setup.scope,
  audience: resource,
  accessTokenTTL: 3600,
  ...(resource === OPAQUE
    ? { accessTokenFormat: 'opaque' }
    : { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } }),
});

const provider = new Provider(`http://127.0.0.1:${setup.port}`, {
  adapter: (name) => adapters.of(name),
  jwks: { keys: [{ ...key, use: 'sig', alg: 'ES256', kid: 'first' }] },
  clients: [
    confidential(setup.service, ['client_credentials']),
    confidential(setup.opaque, ['client_credentials']),
    confidential(setup.app, ['authorization_code', 'refresh_token']),
  ],
  cookies: { keys: [randomBytes(32).toString('hex')] },
  claims: { openid: ['sub'] },
  scopes: ['openid'],
  enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
  findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: true,
  pkce: { required: () => true },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  ttl: {
    AccessToken: 3600, AuthorizationCode: 60, ClientCredentials: 3600, Grant: 1209600,
    IdToken: 3600, Interaction: 3600, RefreshToken: 1209600, Session: 1209600,
  },
  features: {
    devInteractions: { enabled: false },
    userinfo: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true,
      defaultResource: (_ctx, client) =>
        client.clientId === setup.opaque.client_id ? OPAQUE : setup.audience,
      useGrantedResource: () => true,
      getResourceServerInfo: resourceServer,
    },
  },
});

// Where an owner's own pages would ask for a password and for consent: it is not measured, so
// whoever comes is let in.
provider.use(async (ctx, next) => {
  if (ctx.path === '/ready') {
    ctx.body = 'ready';
    return;
  }
  if (!ctx.path.startsWith('/interaction/')) {
    await next();
    return;
  }
  const { params } = await provider.interactionDetails(ctx.req, ctx.res);
  const grant = new provider.Grant({ accountId: 'ada', clientId: params.client_id });
  grant.addOIDCScope('openid');
  grant.addResourceScope(setup.audience, setup.scope);
  const grantId = await grant.save();
  await provider.interactionFinished(ctx.req, ctx.res, {
    login: { accountId: 'ada' },
    consent: { grantId },
  });
  ctx.respond = false;
});

provider.on('server_error', (_ctx, error) => console.error(error));
provider.listen(setup.port, '127.0.0.1');
