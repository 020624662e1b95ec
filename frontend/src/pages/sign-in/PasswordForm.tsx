import { type FormEvent, useState } from 'react'
import type { SignIn } from '../../api'
import { Button } from '../../ui'

/** How short a password may not be. */
const SHORTEST = 10

interface PasswordFormProps {
  /** The token of an invitation, with which a password is chosen. */
  invitation: string | null
  busy: boolean
  onSubmit: (body: SignIn) => void
}

export function PasswordForm({ invitation, busy, onSubmit }: PasswordFormProps) {
  const [login, setLogin] = useState('')
  const [password, setPassword] = useState('')
  const [again, setAgain] = useState('')
  const differs = invitation !== null && again !== '' && again !== password
  const ready = invitation === null ? login !== '' && password !== '' : [...password].length >= SHORTEST && again === password
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (ready && !busy) onSubmit(invitation === null ? { login: login.trim(), password } : { token: invitation, password })
  }
  return (
    <form onSubmit={submit} className="flex flex-col gap-3">
      {invitation === null ? (
        <label className="flex flex-col gap-1">
          Login
          <input className="field" value={login} onChange={(event) => setLogin(event.target.value)} autoComplete="username" autoFocus autoCapitalize="none" spellCheck={false} />
        </label>
      ) : (
        <p className="text-muted">Choose the password that you sign in with from now on.</p>
      )}
      <label className="flex flex-col gap-1">
        Password
        <input
          type="password"
          className="field"
          value={password}
          onChange={(event) => setPassword(event.target.value)}
          autoComplete={invitation === null ? 'current-password' : 'new-password'}
          autoFocus={invitation !== null}
        />
        {invitation !== null && <span className="text-sm text-muted">{`At least ${SHORTEST} characters.`}</span>}
      </label>
      {invitation !== null && (
        <label className="flex flex-col gap-1">
          The same again
          <input type="password" className="field" value={again} onChange={(event) => setAgain(event.target.value)} autoComplete="new-password" aria-invalid={differs} />
          {differs && <span className="text-sm text-danger">That is another password.</span>}
        </label>
      )}
      <Button type="submit" look="primary" busy={busy} disabled={!ready}>
        {invitation === null ? 'Sign in' : 'Choose it and sign in'}
      </Button>
    </form>
  )
}
