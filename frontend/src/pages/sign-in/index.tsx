import { useEffect, useRef, useState } from 'react'
import { useLocation, useNavigate, useSearchParams } from 'react-router'
import { type SignIn, useSignIn } from '../../api'
import { Command, ErrorState, useTitle } from '../../ui'
import { given, onward } from './address'
import { IssuerLink } from './IssuerLink'
import { PasswordForm } from './PasswordForm'

/** Pages that are not the dashboard's own must be loaded anew. */
const ELSEWHERE = /^\/(docs|openapi\.json|api)(\/|$|\?)/

export function Component() {
  useTitle('Sign in')
  const { hash } = useLocation()
  const [query] = useSearchParams()
  const navigate = useNavigate()
  const signIn = useSignIn()
  // It works once: a second try, or a reload, must not send it again. Another one may be pasted over this page.
  const [address, setAddress] = useState(() => given(hash))
  const sent = useRef<string | null>(null)
  useEffect(() => setAddress((before) => given(hash) ?? before), [hash])
  const next = onward(query.get('next'))

  const { mutate } = signIn
  const enter = (body: SignIn) =>
    mutate(body, {
      onSuccess: () => (ELSEWHERE.test(next) ? location.assign(next) : void navigate(next, { replace: true })),
    })
  const entered = useRef(enter)
  entered.current = enter
  useEffect(() => {
    if (address?.kind !== 'token' || sent.current === address.token) return
    sent.current = address.token
    history.replaceState(history.state, '', location.pathname + location.search)
    entered.current({ token: address.token })
  }, [address])

  const waits = address?.kind === 'token' && !signIn.isError
  return (
    <main className="mx-auto flex min-h-dvh max-w-md flex-col justify-center gap-4 px-4 py-8">
      <h1 className="flex items-center gap-2 text-lg">
        <img src="/favicon.svg" alt="" width="26" height="26" />
        {address?.kind === 'invitation' ? 'Welcome to mlsys' : 'Sign in to mlsys'}
      </h1>
      {waits ? (
        <p role="status" className="text-muted">
          Signing in…
        </p>
      ) : (
        <>
          {address?.kind !== 'invitation' && <IssuerLink next={next} refused={signIn.isError ? null : query.get('refused')} />}
          {signIn.isError && <ErrorState error={signIn.error} title="You are not signed in" />}
          <PasswordForm invitation={address?.kind === 'invitation' ? address.token : null} busy={signIn.isPending} onSubmit={enter} />
          {address?.kind !== 'invitation' && (
            <div className="flex flex-col gap-2 border-t border-line pt-4 text-muted">
              <p>On the machine that runs mlsys, this prints an address that signs you in:</p>
              <Command>mlsys login</Command>
            </div>
          )}
        </>
      )}
    </main>
  )
}
