class Plugsign < Formula
  desc "Make an OpenPGP release key, sign release files and verify them"
  homepage "https://plugsign.invalid/plugsign"
  url "https://plugsign.invalid/plugsign/releases/download/v@VERSION@/plugsign-@VERSION@.tar.gz"
  sha256 "@SHA256@"
  license any_of: ["MIT", "Apache-2.0"]

  depends_on "rust" => :build

  def install
    system "cargo", "install", *std_cargo_args
    generate_completions_from_executable(bin/"plugsign", "completions")
    man1.mkpath
    system bin/"plugsign", "man", "--out", man1
    system "packaging/documents.sh", buildpath/"documents"
    doc.install Dir["documents/*"]
  end

  test do
    ENV["PLUGSIGN_HOME"] = (testpath/"home").to_s
    system bin/"plugsign", "keygen", "--user-id", "Brew <brew@example.org>", "--no-passphrase"
    system bin/"plugsign", "export", "brew@example.org", "-a", "-o", "release-key.asc"
    (testpath/"dist/example-1.0.0.tar.gz").write "an archive"
    system bin/"plugsign", "sign", "dist"
    good = shell_output("#{bin}/plugsign verify --key release-key.asc dist")
    assert_match "good", good
    (testpath/"dist/example-1.0.0.tar.gz").append_lines "changed"
    shell_output("#{bin}/plugsign verify --key release-key.asc dist", 1)
  end
end
