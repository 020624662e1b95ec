import { useSignInWays } from '../../api'

const refusals: Record<string, string> = {
  issuer_unavailable: 'The sign-in service can’t be reached at present. Try again in a minute; a password still works.',
  issuer_refused: 'The sign-in service did not let you in.',
  bad_answer: 'What the sign-in service answered does not prove who you are. Try again; if it stays so, tell whoever administers this mlsys: its log says why.',
  another_attempt: 'This sign-in was begun in another window, or too long ago. Try again.',
  no_role: 'You are known, but none of your groups may use this mlsys. Ask whoever administers it.',
  too_many_attempts: 'There were too many attempts from your address. Try again in a minute.',
}

interface IssuerLinkProps {
  /** Where to go on. */
  next: string
  /** Why the last attempt failed, as the backend names it. */
  refused: string | null
}

/** The way to the issuer that people sign in with, where there is one. The backend leads through it. */
export function IssuerLink({ next, refused }: IssuerLinkProps) {
  const { data } = useSignInWays()
  return (
    <>
      {refused !== null && (
        <p role="alert" className="rounded-lg border border-danger bg-danger-tint p-3">
          {refusals[refused] ?? 'You are not signed in. Try again.'}
        </p>
      )}
      {data?.issuer && (
        <div className="flex flex-col gap-2 border-b border-line pb-4">
          <a className="link underline" href={`/api/sign-in/issuer?next=${encodeURIComponent(next)}`}>
            {`Sign in with ${data.issuer}`}
          </a>
        </div>
      )}
    </>
  )
}
