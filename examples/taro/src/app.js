// Nothing about logging in belongs here: the first request of any page does it.
export default function App({ children }) {
  return children
}
