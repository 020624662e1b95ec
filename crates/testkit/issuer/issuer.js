// A real OpenID Connect issuer, for a test: node issuer.js PORT CLIENT SECRET REDIRECT
import { Provider } from 'oidc-provider'

const [port, client, secret, redirect] = process.argv.slice(2)
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: client, client_secret: secret, redirect_uris: [redirect] }],
  claims: { openid: ['sub'], profile: ['name', 'preferred_username'], groups: ['groups'] },
  cookies: { keys: ['of no use elsewhere'] },
  // Whoever signs in is called what they say, and is in one group.
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, name: `Somebody called ${id}`, preferred_username: id, groups: ['data-science'] }) }),
  pkce: { required: () => true },
})
provider.listen(Number(port), '127.0.0.1')
